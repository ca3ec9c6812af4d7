package zone

import (
	"cmp"
	"math"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// block is a run of clusters that nothing can come between: a write, what
// compare-and-sets made of it, and the answers that show these. An erasure of known
// version is a block too.
type block struct {
	// first is the item that begins it.
	first int32
	// late is the item that was called last, early the one that returned first.
	// The block lies before another one if its early item returned before the
	// other's late item was called. With versions, late and early are also those of
	// blocks whose versions are lower, and higher.
	late, early int32
	call, ret   int64 // of these
	// own are call and ret before versions were looked at.
	ownCall, ownRet   int64
	ownLate, ownEarly int32
	// version is the lowest one known of it, 0 if there is none.
	version uint64
	// base and top are the versions of its first and last cluster, 0 if not known.
	base, top uint64
	// moment is where it goes if nothing else is against it; after breaks ties.
	moment int64
	after  bool
}

func (b *block) forward() bool { return b.ret < b.call }

func newBlock(first int32) block {
	return block{first: first, late: none, early: none, call: math.MinInt64, ret: math.MaxInt64}
}

func (b *block) add(i int32, it *item) {
	if it.op.Call > b.call {
		b.call, b.late = it.op.Call, i
	}
	if it.ret < b.ret {
		b.ret, b.early = it.ret, i
	}
}

func (b *block) close() {
	b.ownCall, b.ownRet, b.ownLate, b.ownEarly = b.call, b.ret, b.late, b.early
}

// measure forms the blocks, and checks each by itself: within a block the order is
// known.
func (r *register) measure() *Judgement {
	members := 0
	for i := range r.clusters {
		c := &r.clusters[i]
		if !r.items[c.writer].effective {
			continue
		}
		members++
		if c.follows != none {
			continue
		}
		b := newBlock(c.writer)
		for at := int32(i); at != none; at = r.clusters[at].next {
			members--
			r.clusters[at].block = int32(len(r.blocks))
			if j := r.join(&b, at); j != nil {
				return j
			}
		}
		b.close()
		r.blocks = append(r.blocks, b)
	}
	if members > 0 {
		return r.rejectCycle()
	}
	for i := range r.items {
		if it := &r.items[i]; it.role == erases && it.version != 0 {
			b := newBlock(int32(i))
			b.add(int32(i), it)
			b.version, b.base, b.top = it.version, it.version, it.version
			b.close()
			r.blocks = append(r.blocks, b)
		}
	}
	return nil
}

// join adds a cluster to its block.
func (r *register) join(b *block, at int32) *Judgement {
	c := &r.clusters[at]
	w := &r.items[c.writer]
	late, call := b.late, b.call
	if w.ret < call {
		return r.reject(RuleBlock, "it returned before an operation was called that comes before it in its chain of compare-and-sets", late, c.writer)
	}
	b.add(c.writer, w)
	for _, reader := range c.readers {
		it := &r.items[reader]
		if it.ret < call {
			return r.reject(RuleBlock, "it returned before an operation was called that comes before what it saw in a chain of compare-and-sets", late, reader)
		}
		b.add(reader, it)
	}
	if b.version == 0 {
		b.version = c.version
	}
	if c.follows == none {
		b.base = c.version
		if c.blind && c.version == 0 {
			b.version = w.op.ExpectVersion + 1 // at least
		}
	}
	b.top = c.version
	if c.follows == none || c.version == 0 {
		return nil
	}
	if before := &r.clusters[c.follows]; before.version >= c.version {
		return r.reject(RuleVersionGap, "a compare-and-set has no higher version than what it replaced", before.teller, c.teller)
	}
	return nil
}

func (r *register) rejectCycle() *Judgement {
	for i := range r.clusters {
		c := &r.clusters[i]
		if !r.items[c.writer].effective || c.block != none {
			continue
		}
		// Each write replaces one and is replaced by one, so this is on the circle.
		return r.reject(RuleCycle, "compare-and-sets replaced each other's values in a circle", r.circle(int32(i))...)
	}
	return nil
}

func (r *register) circle(at int32) []int32 {
	var items []int32
	for start := at; ; {
		items = append(items, r.clusters[at].writer)
		if at = r.clusters[at].follows; at == start || at == none {
			return items
		}
	}
}

// sortVersions lines up what has a known version, and carries over from block to block
// what follows from it: a block is called no earlier than those of lower versions, and returns
// no later than those of higher versions.
func (r *register) sortVersions() *Judgement {
	for i := range r.items {
		it := &r.items[i]
		if it.role == writes && it.effective {
			it.version = r.clusters[it.cluster].version
		}
		if it.role <= erases && it.version != 0 && it.effective {
			r.versions = append(r.versions, int32(i))
		}
	}
	slices.SortFunc(r.versions, func(a, b int32) int { return cmp.Compare(r.items[a].version, r.items[b].version) })
	line, j := r.lineUp()
	if j != nil {
		return j
	}
	for i := 1; i < len(line); i++ {
		b, before := &r.blocks[line[i]], &r.blocks[line[i-1]]
		if before.call > b.call {
			b.call, b.late = before.call, before.late
		}
	}
	for i := len(line) - 2; i >= 0; i-- {
		b, behind := &r.blocks[line[i]], &r.blocks[line[i+1]]
		if behind.ret < b.ret {
			b.ret, b.early = behind.ret, behind.early
		}
	}
	return nil
}

// lineUp gives the blocks in the order of their versions.
func (r *register) lineUp() (line []int32, j *Judgement) {
	// A compare-and-set of which only the expected version is known stands right behind that one.
	type place struct {
		version uint64
		behind  bool
		item    int32
	}
	places := make([]place, 0, len(r.versions))
	for _, v := range r.versions {
		places = append(places, place{version: r.items[v].version, item: v})
	}
	for i := range r.clusters {
		if c := &r.clusters[i]; c.blind && c.block != none {
			places = append(places, place{version: r.items[c.writer].op.ExpectVersion, behind: true, item: c.writer})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.version, b.version), compareBool(a.behind, b.behind), cmp.Compare(a.item, b.item))
	})
	owner := r.owners()
	open := make([]bool, len(r.blocks))
	for i, p := range places {
		if i > 0 && p.behind && places[i-1].behind && p.version == places[i-1].version {
			return nil, r.reject(RuleSuccessors, "two compare-and-sets replaced the same version", places[i-1].item, p.item)
		}
		b := owner(p.item)
		if len(line) > 0 && line[len(line)-1] == b {
			continue
		}
		if open[b] {
			return nil, r.reject(RuleVersionGap, "its version lies between those of a write and of the compare-and-set that replaced it", p.item, places[i-1].item)
		}
		open[b] = true
		line = append(line, b)
	}
	return line, nil
}

// owners finds the block of an item that has a version.
func (r *register) owners() func(int32) int32 {
	erasure := make(map[int32]int32)
	for i := range r.blocks {
		if first := r.blocks[i].first; r.items[first].role == erases {
			erasure[first] = int32(i)
		}
	}
	return func(it int32) int32 {
		if c := r.items[it].cluster; c != none {
			return r.clusters[c].block
		}
		return erasure[it]
	}
}

// compareZones looks for two blocks that each must come before the other, and gives each
// block its moment. Forward zones exclude each other; a backward zone fits anywhere in itself
// outside of them (Gibbons and Korach 1997, §4.1).
func (r *register) compareZones() *Judgement {
	var zones []int32
	for i := range r.blocks {
		if r.blocks[i].forward() {
			zones = append(zones, int32(i))
		}
	}
	slices.SortFunc(zones, func(a, b int32) int { return cmp.Compare(r.blocks[a].ret, r.blocks[b].ret) })
	for i := 1; i < len(zones); i++ {
		if a, b := &r.blocks[zones[i-1]], &r.blocks[zones[i]]; b.ret < a.call {
			return r.rejectPair(a, b)
		}
	}
	for i := range r.blocks {
		b := &r.blocks[i]
		b.moment = b.call
		if b.forward() {
			continue
		}
		b.after = true
		at, _ := slices.BinarySearchFunc(zones, b.call, func(z int32, call int64) int { return cmp.Compare(r.blocks[z].ret, call) })
		if at == 0 {
			continue
		}
		z := &r.blocks[zones[at-1]]
		if b.ret < z.call {
			return r.rejectPair(z, b)
		}
		b.moment = max(b.moment, z.call)
	}
	return nil
}

func (r *register) rejectPair(a, b *block) *Judgement {
	return r.reject(RuleZones, "two writes, each with what was seen of it, must each come before the other one", a.late, a.early, b.late, b.early)
}

// compareAbsence checks the answers that show the key absent, and the erasures of
// unknown version, one by one: not within the zone of a block, not before the first
// write, and absence not without any erasure.
func (r *register) compareAbsence() *Judgement {
	var zones []int32
	firstWrite := none
	firstErasure := history.Never
	lost := none // the write that returned first
	for i := range r.items {
		it := &r.items[i]
		switch {
		case it.role == erases:
			firstErasure = min(firstErasure, it.op.Call)
		case it.role == writes && firstWrite == none:
			firstWrite = int32(i) // items are in the order of calls
		}
		if it.role == writes && !it.open && (lost == none || it.ret < r.items[lost].ret) {
			lost = int32(i)
		}
	}
	for i := range r.blocks {
		if b := &r.blocks[i]; b.ownRet < b.ownCall {
			zones = append(zones, int32(i))
		}
	}
	slices.SortFunc(zones, func(a, b int32) int { return cmp.Compare(r.blocks[a].ownRet, r.blocks[b].ownRet) })
	for i := range r.items {
		it := &r.items[i]
		if it.open || it.role != misses && it.role != erases {
			continue
		}
		if it.role == erases && (firstWrite == none || it.ret < r.items[firstWrite].op.Call) {
			return r.reject(RuleEmpty, "it erased something before anything was written", int32(i))
		}
		if it.role == misses && lost != none && r.items[lost].ret < it.op.Call && it.ret < firstErasure {
			return r.reject(RuleNoErasure, "the key was absent after a write, and no erasure had been called", lost, int32(i))
		}
		at, _ := slices.BinarySearchFunc(zones, it.op.Call, func(z int32, call int64) int { return cmp.Compare(r.blocks[z].ownRet, call) })
		if at == 0 {
			continue
		}
		if z := &r.blocks[zones[at-1]]; it.ret < z.ownCall {
			return r.reject(RuleAbsence, "the key was absent or became absent while a value must have been there all the time", z.ownEarly, int32(i), z.ownLate)
		}
	}
	return nil
}
