package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// ChangeKind says what an operator wants.
type ChangeKind uint8

const (
	// AddNode adds a replica on a node: as a learner that becomes a voter when it has caught
	// up, or as a learner that stays one.
	AddNode ChangeKind = iota + 1
	// RemoveNode removes the node's replica.
	RemoveNode
	// PromoteNode makes a learner a voter as soon as it has caught up.
	PromoteNode
	// DemoteNode makes a voter a learner.
	DemoteNode
	// SetPriority prefers the node as the leader over those with a lower priority.
	SetPriority
)

// Change is what an operator wants of a partition's configuration. It names the state
// that is wanted, not the step, so that it may be asked again and again until it is done.
type Change struct {
	Kind ChangeKind
	Node env.NodeID
	// Address and Store are those of a node that is added; Learner: it is to stay a learner.
	Address string
	Store   uint64
	Learner bool
	// Priority is that of AddNode and SetPriority.
	Priority uint8
}

// ErrRefused is why a change can never be done as it was asked for.
var ErrRefused = errors.New("the change is refused")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Change brings the configuration a step nearer to what is wanted, and tells whether
// it is reached, for good. Errors: ErrRefused, raft.ErrNotLeader, or those of
// raft.ProposeChange that say to try again.
func (r *Replica) Change(now env.Instant, ch Change) (done bool, err error) {
	if r.stopped || r.raft.Role() != raft.Leader {
		return false, raft.ErrNotLeader
	}
	config := r.raft.Configuration()
	step, err := r.step(&config, &ch)
	if err != nil {
		return false, err
	}
	settled := !config.Joint() && r.raft.ConfigIndex() <= r.raft.Commit()
	if step == nil {
		return settled && reached(&config, &ch), nil
	}
	if !settled {
		return false, raft.ErrChangePending
	}
	if was, _ := config.Member(step.Member.ID); step.Member.Promote && !was.Promote && voters(&config) >= confchange.MaxVoters {
		return false, refused("there are %d voters already, or members that wait to become one, and more are not allowed: remove one "+
			"first, or add the node as a learner", confchange.MaxVoters)
	}
	_, _, err = r.raft.ProposeChange(time.Duration(now), []confchange.Change{*step})
	if errors.Is(err, raft.ErrBadChange) {
		return false, refused("%v", err)
	}
	return false, err
}

// voters counts those that are voters or become one by themselves.
func voters(config *confchange.Config) (n int) {
	for i := range config.Members {
		if m := &config.Members[i]; m.Voter || m.Promote {
			n++
		}
	}
	return n
}

// reached tells whether nothing remains to be done, not even by the leader's duties.
func reached(config *confchange.Config, ch *Change) bool {
	m, ok := config.OnNode(uint64(ch.Node))
	switch ch.Kind {
	case RemoveNode:
		return !ok
	case AddNode:
		return ok && (m.Voter || ch.Learner)
	case PromoteNode:
		return ok && m.Voter
	}
	return true
}

// step returns the next change towards what is wanted, nil if there is none to propose.
func (r *Replica) step(config *confchange.Config, ch *Change) (*confchange.Change, error) {
	m, ok := config.OnNode(uint64(ch.Node))
	if !ok && ch.Kind != AddNode {
		if ch.Kind == RemoveNode {
			return nil, nil
		}
		return nil, refused("node %d is not a member", ch.Node)
	}
	switch ch.Kind {
	case AddNode:
		return addStep(config, m, ok, ch)
	case RemoveNode:
		if m.Outgoing && !m.Voter && !m.Learner {
			return nil, nil // it is on its way out
		}
		if m.Voter && len(config.Quorum().Voters()) == 1 {
			return nil, refused("node %d is the only voter", ch.Node)
		}
		return &confchange.Change{Kind: confchange.Remove, Member: confchange.Member{ID: m.ID}}, nil
	case PromoteNode:
		if m.Voter || m.Promote {
			return nil, nil
		}
		m.Promote = true
		return &confchange.Change{Kind: confchange.Update, Member: m}, nil
	case DemoteNode:
		if m.Learner && !m.Promote {
			return nil, nil
		}
		if m.Learner {
			m.Promote = false
			return &confchange.Change{Kind: confchange.Update, Member: m}, nil
		}
		return &confchange.Change{Kind: confchange.Demote, Member: confchange.Member{ID: m.ID}}, nil
	case SetPriority:
		if m.Priority == ch.Priority {
			return nil, nil
		}
		m.Priority = ch.Priority
		return &confchange.Change{Kind: confchange.Update, Member: m}, nil
	}
	return nil, refused("change kind %d is not known", ch.Kind)
}

func addStep(config *confchange.Config, m confchange.Member, ok bool, ch *Change) (*confchange.Change, error) {
	switch {
	case ok && m.Store != ch.Store:
		return nil, refused("node %d is a member already, with another data directory: remove it first, or start it "+
			"with the data it had", ch.Node)
	case ok && m.Voter && ch.Learner:
		return nil, refused("node %d is a voter already: demote it, if it is to be a learner", ch.Node)
	case ok:
		return keepStep(m, ch), nil
	case ch.Node == 0 || ch.Address == "" || ch.Store == 0:
		return nil, refused("a node that is added needs an id, an address and the number of its log")
	}
	id := raft.MakeReplicaID(uint64(ch.Node), config.Generation+1)
	return &confchange.Change{Kind: confchange.AddLearner, Member: confchange.Member{
		ID: uint64(id), Learner: true, Promote: !ch.Learner, Store: ch.Store, Priority: ch.Priority, Info: ch.Address,
	}}, nil
}

// keepStep brings a member that is there already to what AddNode asks for, nil if it is so.
func keepStep(m confchange.Member, ch *Change) *confchange.Change {
	is := m
	if m.Learner && !m.Outgoing {
		m.Promote = !ch.Learner
	}
	if ch.Address != "" {
		m.Info = ch.Address
	}
	if m == is {
		return nil
	}
	return &confchange.Change{Kind: confchange.Update, Member: m}
}

// SetAddresses fills in the addresses that members lack, as far as they are known, if this replica
// leads.
func (r *Replica) SetAddresses(now env.Instant, known func(env.NodeID) string) {
	config := r.raft.Configuration()
	var changes []confchange.Change
	for _, m := range config.Members {
		if m.Info != "" {
			continue
		}
		if m.Info = known(env.NodeID(raft.ReplicaID(m.ID).Node())); m.Info != "" {
			changes = append(changes, confchange.Change{Kind: confchange.Update, Member: m})
		}
	}
	if len(changes) > 0 && !r.stopped {
		// A refusal only means that it is too early; the node tries again.
		_, _, _ = r.raft.ProposeChange(time.Duration(now), changes)
	}
}

// answers tells whether a replica has been heard lately: its data is not lost, whatever an old request says. In a group that
// sleeps all have: it would not sleep otherwise.
func (r *Replica) answers(id raft.ReplicaID) bool {
	if r.raft.Quiescent() {
		return true
	}
	for _, p := range r.raft.Status().Peers {
		if p.ID == id {
			return p.SinceHeard < r.cfg.Raft.ElectionTimeout
		}
	}
	return false
}

// Rejoin replaces the replica of a node that lost its data by a new one for the store
// it has now. It is asked for by the node itself, again and again; only a member
// is replaced, so that a node which an operator removed does not come back by itself.
func (r *Replica) Rejoin(now env.Instant, node env.NodeID, store uint64, address string) {
	if r.stopped || r.raft.Role() != raft.Leader || store == 0 {
		return
	}
	config := r.raft.Configuration()
	old, ok := config.OnNode(uint64(node))
	if !ok || old.Store == store || raft.ReplicaID(old.ID) == r.ID() || r.answers(raft.ReplicaID(old.ID)) {
		return
	}
	if address == "" {
		address = old.Info
	}
	id := raft.MakeReplicaID(uint64(node), config.Generation+1)
	// A refusal only means that it is too early; the node asks again.
	_, _, _ = r.raft.ProposeChange(time.Duration(now), []confchange.Change{
		{Kind: confchange.Remove, Member: confchange.Member{ID: old.ID}},
		{Kind: confchange.AddLearner, Member: confchange.Member{
			ID: uint64(id), Learner: true, Promote: old.Voter || old.Promote, Store: store, Priority: old.Priority, Info: address,
		}},
	})
}

// Transfer gives the leadership to a node's replica, or to the best voter if node is 0.
// Errors: ErrRefused, or those of raft.Transfer.
func (r *Replica) Transfer(now env.Instant, node env.NodeID) error {
	if r.stopped || r.raft.Role() != raft.Leader {
		return raft.ErrNotLeader // and what it knows of the members may be old
	}
	to := raft.ReplicaID(0)
	if node != 0 {
		config := r.raft.Configuration()
		m, ok := config.OnNode(uint64(node))
		if !ok {
			return refused("node %d is not a member", node)
		}
		to = raft.ReplicaID(m.ID)
	}
	return r.raft.Transfer(time.Duration(now), to)
}
