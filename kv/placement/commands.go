package placement

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/hashing"
)

// ErrRefused is why a command cannot be done as it was asked for. The text says what to do instead.
var ErrRefused = errors.New("refused")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// The commands turn what is asked for into a transaction on the State that they look at. All of them
// name the state that is wanted, so that they can be asked again: where it is so already, the Txn is
// empty. A transaction whose condition fails has changed nothing: read the State and ask again.

// Bootstrap makes the cluster: founders are the voters that the metadata group began with. Partitions get
// their places from the driver, as soon as it has heard of the nodes. If the cluster exists
// with these numbers, there is nothing to do. Errors: ErrRefused.
func Bootstrap(s *State, c Cluster, founders []Node) (Txn, error) {
	if c.VirtualNodes == 0 {
		c.VirtualNodes = hashing.DefaultVirtualNodes
	}
	if s.Bootstrapped() {
		if c.Version = s.Cluster.Version; c != s.Cluster {
			return Txn{}, refused("the cluster exists, with %d partitions, %d replicas and name %q; these never change",
				s.Cluster.Partitions, s.Cluster.Replicas, s.Cluster.Name)
		}
		return Txn{}, nil
	}
	if err := c.check(); err != nil {
		return Txn{}, refused("%v", err)
	}
	if len(founders) < 1 || len(founders) > MaxReplicas {
		return Txn{}, refused("%d founders: there must be 1 to %d; further nodes join", len(founders), MaxReplicas)
	}
	t := s.change(c)
	meta := Partition{Group: MetaGroup, Epoch: 1}
	for i, n := range founders {
		n = asNew(n)
		if err := n.check(); err != nil {
			return Txn{}, refused("%v", err)
		}
		if slices.ContainsFunc(founders[:i], func(m Node) bool { return m.ID == n.ID || m.Store == n.Store }) {
			return Txn{}, refused("node %d, or its log, is named twice", n.ID)
		}
		t.putNode(n, fmt.Sprintf("node %d founds the cluster", n.ID))
		meta.Replicas = append(meta.Replicas, n.ID)
		meta.Initial = append(meta.Initial, Replica{Node: n.ID, Store: n.Store})
	}
	t.putPartition(meta, "the metadata group begins with the founders")
	return *t, nil
}

func asNew(n Node) Node {
	if n.Weight == 0 {
		n.Weight = hashing.DefaultWeight
	}
	n.State, n.Version = Up, 0
	return n
}

// Join makes a node part of the cluster. Its weight and zone count only if it is new: of a node that is there
// already a new address is noted, and no more.
//
// A node that comes with another log than it had has lost its data. It may go on under its id only if somebody
// says so (rejoin), and not while the log that is known still answers (there): else an operator who
// starts a node with the wrong directory, or twice, would throw away good replicas. Its number is
// replaced, and the leaders of its groups replace its replicas. Should the old log be found again,
// it may rejoin in the same way; nothing of what it has acts unless no leader replaced it (ADR 0018).
//
// Errors: ErrRefused, also for the id or the log of a node that was removed.
func Join(s *State, n Node, rejoin bool, there Evidence) (Txn, error) {
	if !s.Bootstrapped() {
		return Txn{}, noCluster()
	}
	n = asNew(n)
	if err := n.check(); err != nil {
		return Txn{}, refused("%v", err)
	}
	for i := range s.Nodes {
		if other := &s.Nodes[i]; other.Store == n.Store && other.ID != n.ID {
			return Txn{}, refused("the data directory of node %d is that of node %d: give it an empty one", n.ID, other.ID)
		}
	}
	old := s.Node(n.ID)
	if old == nil {
		return s.joinNew(n)
	}
	next := *old
	next.Address = n.Address
	note := fmt.Sprintf("node %d serves at %s", n.ID, n.Address)
	switch {
	case old.State == Removed:
		return Txn{}, refused("node %d was removed, and ids are never used again: join under another id, with an empty data directory", n.ID)
	case old.Store == n.Store:
	case !rejoin:
		return Txn{}, refused("node %d is known with another data directory: start it with that one, or, if its data is lost, "+
			"ask it to rejoin", n.ID)
	case there.Answers:
		return Txn{}, refused("node %d answers with the data directory that it had: stop that process first", n.ID)
	default:
		next.Store = n.Store
		note = fmt.Sprintf("node %d lost its data and rejoins", n.ID)
	}
	return s.changeNode(old, next, note)
}

func noCluster() error { return refused("the cluster is not bootstrapped yet") }

func (s *State) joinNew(n Node) (Txn, error) {
	if all, _ := s.inService(); all >= MaxNodes {
		return Txn{}, refused("there are %d nodes, and more are not allowed", all)
	}
	if len(s.Nodes) >= MaxRecords {
		return Txn{}, refused("%d nodes joined in the life of this cluster, and there may not be more", len(s.Nodes))
	}
	t := s.change(s.Cluster)
	t.putNode(n, fmt.Sprintf("node %d joins", n.ID))
	return *t, nil
}

// changeNode replaces a record, unless it says so already.
func (s *State) changeNode(old *Node, next Node, note string) (Txn, error) {
	if next == *old {
		return Txn{}, nil
	}
	if err := next.check(); err != nil {
		return Txn{}, refused("%v", err)
	}
	t := s.change(s.Cluster)
	t.putNode(next, note)
	return *t, nil
}

// serving returns the record of a node that is not removed.
func (s *State) serving(id uint64) (*Node, error) {
	if !s.Bootstrapped() {
		return nil, noCluster()
	}
	n := s.Node(id)
	switch {
	case n == nil:
		return nil, refused("there is no node %d", id)
	case n.State == Removed:
		return nil, refused("node %d was removed", id)
	}
	return n, nil
}

// SetWeight changes how much a node is to hold. Errors: ErrRefused.
func SetWeight(s *State, id uint64, weight uint32) (Txn, error) {
	n, err := s.serving(id)
	if err != nil {
		return Txn{}, err
	}
	next := *n
	next.Weight = weight
	return s.changeNode(n, next, fmt.Sprintf("node %d has weight %d", id, weight))
}

// SetZone changes what a node fails together with. Errors: ErrRefused.
func SetZone(s *State, id uint64, zone string) (Txn, error) {
	n, err := s.serving(id)
	if err != nil {
		return Txn{}, err
	}
	next := *n
	next.Zone = zone
	return s.changeNode(n, next, fmt.Sprintf("node %d is in zone %q", id, zone))
}

// Drain has all that a node holds brought elsewhere. Where too few nodes are left for as many replicas as are
// wanted, there will be fewer. Errors: ErrRefused.
func Drain(s *State, id uint64) (Txn, error) {
	n, err := s.serving(id)
	if err != nil {
		return Txn{}, err
	}
	if _, up := s.inService(); up == 1 && n.State == Up {
		return Txn{}, refused("node %d is the only one that may hold anything: add another one first", id)
	}
	next := *n
	next.State = Draining
	return s.changeNode(n, next, fmt.Sprintf("node %d is drained", id))
}

// Undrain takes back Drain. Errors: ErrRefused.
func Undrain(s *State, id uint64) (Txn, error) {
	n, err := s.serving(id)
	if err != nil {
		return Txn{}, err
	}
	next := *n
	next.State = Up
	return s.changeNode(n, next, fmt.Sprintf("node %d is not drained any more", id))
}

// Remove takes a node out of the cluster, for ever. It must be drained and hold nothing. With force it may also be one
// that is dead; its replicas are then replaced like those of a dead node, but it will not come back.
//
// In no case a node is removed as long as a group has no majority without it: its return is the only
// hope for that group. Errors: ErrRefused.
func Remove(s *State, id uint64, force bool, about Evidence) (Txn, error) {
	if n := s.Node(id); n != nil && n.State == Removed {
		return Txn{}, nil
	}
	n, err := s.serving(id)
	if err != nil {
		return Txn{}, err
	}
	if _, up := s.inService(); up == 1 && n.State == Up {
		return Txn{}, refused("node %d is the only one that may hold anything: add another one first", id)
	}
	if len(about.Needed) > 0 {
		return Txn{}, refused("without node %d there is no majority of %s that is known to live: bring other nodes back first",
			id, groupList(about.Needed))
	}
	if force {
		if !about.Dead {
			return Txn{}, refused("node %d is not known to be dead: drain it, or stop it and wait until it counts as dead", id)
		}
	} else if err := s.emptied(n, about); err != nil {
		return Txn{}, err
	}
	next := *n
	next.State = Removed
	next.Address, next.Zone = "", ""
	return s.changeNode(n, next, fmt.Sprintf("node %d is removed", id))
}

// emptied returns why the node cannot be removed without force yet.
func (s *State) emptied(n *Node, about Evidence) error {
	if n.State != Draining {
		return refused("node %d is in use: drain it first", n.ID)
	}
	wanted := slices.Clone(about.Member)
	for i := range s.Partitions {
		if p := &s.Partitions[i]; slices.Contains(p.Replicas, n.ID) && !slices.Contains(wanted, p.Group) {
			wanted = append(wanted, p.Group)
		}
	}
	slices.Sort(wanted)
	switch {
	case len(wanted) > 0:
		return refused("node %d still holds %s: wait until it is drained", n.ID, groupList(wanted))
	case len(about.Unknown) > 0:
		return refused("it is not known who holds %s, nobody leads there: wait, or bring nodes back", groupList(about.Unknown))
	}
	return nil
}

// groupList names groups for people, a few of them.
func groupList(groups []uint64) string {
	const most = 8
	text := ""
	for i, g := range groups {
		if i == most {
			return text + fmt.Sprintf(" and %d more", len(groups)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += groupName(g)
	}
	return text
}

func groupName(g uint64) string {
	if g == MetaGroup {
		return "the metadata group"
	}
	return fmt.Sprintf("partition %d", g)
}
