package replica

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Wanted is the membership that a partition is to have: as voters exactly these. Wants are numbered; of
// two the one with the higher epoch holds (CONF-6).
type Wanted struct {
	Epoch uint64
	// Members are the nodes that are wanted; the first one is preferred as leader.
	Members []WantedMember
}

// WantedMember is a node and the log on it that is meant.
type WantedMember struct {
	Node  env.NodeID
	Store uint64
	// Replaced says that the node had another log before, so that a founder, whose log is not
	// named in the configuration, is not the one that is meant.
	Replaced bool
}

func (x *WantedMember) is(m *confchange.Member) bool {
	return m.Store == x.Store || m.Store == 0 && !x.Replaced
}

// Reach brings the group a step nearer to what is wanted, if this replica leads it, and tells whether it is
// there, for good. What is done follows from what is wanted and from the configuration alone, so a new
// leader goes on where the old one stopped, and nothing is done twice (REP-16):
//
//  1. each wanted node without a replica in its present log gets one, as a learner;
//  2. when all of them have caught up, one joint change makes the wanted ones the voters, and removes
//     the others; before, a leader that is to go hands over if one that stays can take over.
//
// A want of an older epoch than the configuration's is ignored.
func (r *Replica) Reach(now env.Instant, want *Wanted) bool {
	if r.stopped || r.raft.Role() != raft.Leader || len(want.Members) == 0 {
		return false
	}
	config := r.raft.Configuration()
	if want.Epoch < config.Epoch {
		return false
	}
	if config.Joint() || r.raft.ConfigIndex() > r.raft.Commit() || r.raft.Transferring() != 0 {
		return false
	}
	w := want.plan(&config)
	changes, act := w.next(r)
	if !act {
		return false
	}
	if want.Epoch > config.Epoch {
		changes = append(changes, confchange.Change{Kind: confchange.Advance, Epoch: want.Epoch})
	}
	if len(changes) == 0 {
		return w.led(r)
	}
	// A refusal only means that it is too early; whoever wants it asks again.
	_, _, _ = r.raft.ProposeChange(time.Duration(now), changes)
	return false
}

// wantPlan compares what is wanted with what is.
type wantPlan struct {
	want   *Wanted
	config *confchange.Config
	// kept are the members that are wanted, in the order of want; absent those nodes that have none.
	kept   []confchange.Member
	absent []WantedMember
	// extra are the members that are not wanted.
	extra []confchange.Member
}

func (want *Wanted) plan(config *confchange.Config) wantPlan {
	w := wantPlan{want: want, config: config}
	keeps := map[uint64]bool{}
	for _, x := range want.Members {
		m, ok := config.OnNode(uint64(x.Node))
		if ok && x.is(&m) {
			w.kept = append(w.kept, m)
			keeps[m.ID] = true
		} else {
			w.absent = append(w.absent, x)
		}
	}
	for _, m := range config.Members {
		if !keeps[m.ID] {
			w.extra = append(w.extra, m)
		}
	}
	return w
}

// next returns the changes to ask for now; act is false where there is something to wait for.
func (w *wantPlan) next(r *Replica) (changes []confchange.Change, act bool) {
	if len(w.absent) > 0 {
		return w.addMissing(), true
	}
	if w.voters() == len(w.kept) && len(w.extra) == 0 {
		return w.prefer(), true
	}
	if !w.fit(r) || w.leaderGoes(r) && w.handOver(r) {
		return nil, false
	}
	return w.swap(), true
}

// fit tells whether the group would go on with the wanted voters: a majority of them answers, and those
// that are not voters yet have caught up (MEMB-12).
func (w *wantPlan) fit(r *Replica) bool {
	alive := 0
	for _, m := range w.kept {
		id := raft.ReplicaID(m.ID)
		switch {
		case id == r.ID(), r.answers(id):
			alive++
		case !m.Voter:
			return false
		}
		if !m.Voter && !r.raft.CaughtUp(id) {
			return false
		}
	}
	return alive > len(w.kept)/2
}

func (w *wantPlan) voters() (n int) {
	for _, m := range w.kept {
		if m.Voter {
			n++
		}
	}
	return n
}

// addMissing adds a learner on each wanted node that has none. One that a node has in a log that is lost
// goes in the same step: two on a node there cannot be, and that one never answers again.
func (w *wantPlan) addMissing() []confchange.Change {
	var changes []confchange.Change
	generation := w.config.Generation
	for _, x := range w.absent {
		if m, ok := w.config.OnNode(uint64(x.Node)); ok {
			changes = append(changes, confchange.Change{Kind: confchange.Remove, Member: confchange.Member{ID: m.ID}})
		}
		generation++
		changes = append(changes, confchange.Change{Kind: confchange.AddLearner, Member: confchange.Member{
			ID: uint64(raft.MakeReplicaID(uint64(x.Node), generation)), Learner: true, Store: x.Store,
		}})
	}
	return changes
}

// swap makes the wanted members the voters, and removes all others.
func (w *wantPlan) swap() []confchange.Change {
	var changes []confchange.Change
	for _, m := range w.kept {
		if !m.Voter {
			changes = append(changes, confchange.Change{Kind: confchange.Promote, Member: confchange.Member{ID: m.ID}})
		}
	}
	for _, m := range w.extra {
		changes = append(changes, confchange.Change{Kind: confchange.Remove, Member: confchange.Member{ID: m.ID}})
	}
	return changes
}

// prefer gives the first wanted node the priority as leader (duties.go hands over to it).
func (w *wantPlan) prefer() []confchange.Change {
	var changes []confchange.Change
	for i, m := range w.kept {
		priority := uint8(0)
		if i == 0 {
			priority = 1
		}
		if m.Priority != priority {
			m.Priority = priority
			changes = append(changes, confchange.Change{Kind: confchange.Update, Member: m})
		}
	}
	return changes
}

// leaderGoes tells whether this replica is not wanted.
func (w *wantPlan) leaderGoes(r *Replica) bool {
	for _, m := range w.extra {
		if raft.ReplicaID(m.ID) == r.ID() {
			return true
		}
	}
	return false
}

// led tells whether the one that is preferred leads, or cannot be asked (duties.go hands over to it).
func (w *wantPlan) led(r *Replica) bool {
	id := raft.ReplicaID(w.kept[0].ID)
	return id == r.ID() || !r.answers(id)
}

// handOver gives the leadership to a voter that stays; the group then has a leader all the time.
func (w *wantPlan) handOver(r *Replica) bool {
	for _, m := range w.kept {
		if m.Voter && r.answers(raft.ReplicaID(m.ID)) && r.raft.Transfer(r.instant(), raft.ReplicaID(m.ID)) == nil {
			return true
		}
	}
	return false
}
