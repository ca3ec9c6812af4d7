package storage

import (
	"bytes"
	"slices"
	"sort"
)

// nodeSize is the most pairs of a leaf, and children of an inner node.
const nodeSize = 64

// tree is an ordered map as a B+ tree whose nodes are copied on write if a
// snapshot may hold them too. Nodes are not merged, only dropped when empty: the memory
// engine's states are small.
type tree struct {
	root *node
	// epoch marks the nodes that this tree alone holds: it may change these in place.
	epoch uint64
	count int
}

// node is a leaf (children is nil) with keys and values, or an inner node
// whose keys[i] is at most every key under children[i] (keys[0] is not looked at).
type node struct {
	epoch    uint64
	keys     [][]byte
	values   [][]byte
	children []*node
}

// freeze returns a view of the tree that later writes do not change.
func (t *tree) freeze() tree {
	t.epoch++
	return tree{root: t.root, count: t.count}
}

// own returns a node with the content of n that may be changed in place.
func (t *tree) own(n *node) *node {
	if n.epoch == t.epoch {
		return n
	}
	c := &node{epoch: t.epoch, keys: cloneFull(n.keys)}
	if n.children != nil {
		c.children = cloneFull(n.children)
	} else {
		c.values = cloneFull(n.values)
	}
	return c
}

// cloneFull copies s with room for a full node.
func cloneFull[T any](s []T) []T {
	return append(make([]T, 0, nodeSize+1), s...)
}

// position is the first place in a leaf whose key is at least key.
func (n *node) position(key []byte) (int, bool) {
	i := sort.Search(len(n.keys), func(i int) bool { return bytes.Compare(n.keys[i], key) >= 0 })
	return i, i < len(n.keys) && bytes.Equal(n.keys[i], key)
}

// child is the number of the child under which key belongs.
func (n *node) child(key []byte) int {
	return sort.Search(len(n.keys)-1, func(i int) bool { return bytes.Compare(n.keys[i+1], key) > 0 })
}

func (t *tree) get(key []byte) ([]byte, bool) {
	n := t.root
	if n == nil {
		return nil, false
	}
	for n.children != nil {
		n = n.children[n.child(key)]
	}
	i, found := n.position(key)
	if !found {
		return nil, false
	}
	return n.values[i], true
}

// set keeps key and value, which must not be changed any more.
func (t *tree) set(key, value []byte) {
	if t.root == nil {
		t.root = &node{epoch: t.epoch}
	}
	left, right := t.insert(t.root, key, value)
	t.root = left
	if right != nil {
		t.root = &node{epoch: t.epoch, keys: [][]byte{left.keys[0], right.keys[0]}, children: []*node{left, right}}
	}
}

// insert puts the pair under n and returns n's replacement, and a second node
// if it had to be split.
func (t *tree) insert(n *node, key, value []byte) (left, right *node) {
	n = t.own(n)
	if n.children == nil {
		i, found := n.position(key)
		if found {
			n.keys[i], n.values[i] = key, value
			return n, nil
		}
		t.count++
		n.keys = slices.Insert(n.keys, i, key)
		n.values = slices.Insert(n.values, i, value)
		return t.split(n)
	}
	i := n.child(key)
	l, r := t.insert(n.children[i], key, value)
	n.children[i] = l
	if r != nil {
		n.keys = slices.Insert(n.keys, i+1, r.keys[0])
		n.children = slices.Insert(n.children, i+1, r)
	}
	return t.split(n)
}

// split halves an overfull node.
func (t *tree) split(n *node) (left, right *node) {
	if len(n.keys) <= nodeSize {
		return n, nil
	}
	at := len(n.keys) / 2
	right = &node{epoch: t.epoch, keys: cloneFull(n.keys[at:])}
	clear(n.keys[at:])
	n.keys = n.keys[:at]
	if n.children != nil {
		right.children = cloneFull(n.children[at:])
		clear(n.children[at:])
		n.children = n.children[:at]
		return n, right
	}
	right.values = cloneFull(n.values[at:])
	clear(n.values[at:])
	n.values = n.values[:at]
	return n, right
}

func (t *tree) delete(key []byte) {
	if _, found := t.get(key); !found {
		return
	}
	t.count--
	t.root = t.remove(t.root, key)
	for t.root != nil && len(t.root.children) == 1 {
		t.root = t.root.children[0]
	}
}

// remove takes key, which is there, from under n; it returns n's replacement, nil
// if nothing is left.
func (t *tree) remove(n *node, key []byte) *node {
	n = t.own(n)
	if n.children == nil {
		i, _ := n.position(key)
		n.keys = slices.Delete(n.keys, i, i+1)
		n.values = slices.Delete(n.values, i, i+1)
	} else {
		i := n.child(key)
		if c := t.remove(n.children[i], key); c != nil {
			n.children[i] = c
		} else {
			n.keys = slices.Delete(n.keys, i, i+1)
			n.children = slices.Delete(n.children, i, i+1)
		}
	}
	if len(n.keys) == 0 {
		return nil
	}
	return n
}

// deleteRange removes the keys in [lo, hi). Nodes that lie within go as a whole.
func (t *tree) deleteRange(lo, hi []byte) {
	if t.root == nil || bytes.Compare(lo, hi) >= 0 {
		return
	}
	t.root = t.removeRange(t.root, lo, hi)
	for t.root != nil && len(t.root.children) == 1 {
		t.root = t.root.children[0]
	}
}

// removeRange takes the keys in [lo, hi) from under n; it returns n's replacement, nil if
// nothing is left. A node that loses nothing is not copied.
func (t *tree) removeRange(n *node, lo, hi []byte) *node {
	if n.children == nil {
		from, _ := n.position(lo)
		to, _ := n.position(hi)
		if from == to {
			return n
		}
		t.count -= to - from
		if to-from == len(n.keys) {
			return nil
		}
		n = t.own(n)
		n.keys = slices.Delete(n.keys, from, to)
		n.values = slices.Delete(n.values, from, to)
		return n
	}
	first, last := n.child(lo), n.child(hi)
	left := t.removeRange(n.children[first], lo, hi)
	if first == last && left == n.children[first] {
		return n
	}
	for _, c := range n.children[min(first+1, last):last] {
		t.count -= c.size()
	}
	right := left
	if first != last {
		right = t.removeRange(n.children[last], lo, hi)
	}
	n = t.own(n)
	n.children[first], n.children[last] = left, right
	if left != nil {
		first++
	}
	if right == nil {
		last++
	}
	if first < last {
		n.keys = slices.Delete(n.keys, first, last)
		n.children = slices.Delete(n.children, first, last)
	}
	if len(n.keys) == 0 {
		return nil
	}
	return n
}

// size is the number of pairs under n.
func (n *node) size() int {
	if n.children == nil {
		return len(n.keys)
	}
	sum := 0
	for _, c := range n.children {
		sum += c.size()
	}
	return sum
}

// scan calls fn for the pairs in [lo, hi) in order until it returns false; a nil hi
// is no bound.
func (t *tree) scan(lo, hi []byte, fn func(key, value []byte) bool) {
	if t.root != nil {
		t.root.scan(lo, hi, fn)
	}
}

func (n *node) scan(lo, hi []byte, fn func(key, value []byte) bool) bool {
	if n.children == nil {
		i, _ := n.position(lo)
		for ; i < len(n.keys); i++ {
			if hi != nil && bytes.Compare(n.keys[i], hi) >= 0 || !fn(n.keys[i], n.values[i]) {
				return false
			}
		}
		return true
	}
	for i := n.child(lo); i < len(n.children); i++ {
		if !n.children[i].scan(lo, hi, fn) {
			return false
		}
	}
	return true
}
