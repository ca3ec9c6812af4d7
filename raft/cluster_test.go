package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// chaos takes one random step of a schedule: mostly progress, sometimes a fault.
func (c *cluster) chaos(i int) {
	id := c.ids[c.rng.IntN(len(c.ids))]
	switch x := c.rng.IntN(1000); {
	case x < 520:
		c.step()
	case x < 620 && len(c.mail) > 0:
		c.deliver(c.rng.IntN(len(c.mail)))
	case x < 800:
		c.persistSome(id)
	case x < 880:
		if l := c.leader(); l != nil {
			c.propose(l, fmt.Sprintf("%d-%d", l.ID(), i))
		}
	case x < 900:
		if r := c.nodes[id]; r != nil {
			c.propose(r, fmt.Sprintf("%d-%d-stale", id, i))
		}
	case x < 940:
		if r := c.nodes[id]; r != nil {
			c.read(r, uint64(i)+1)
		}
	case x < 960:
		c.answerFetch(c.rng.IntN(3) == 0)
	case x < 975:
		if c.nodes[id] != nil {
			c.crash(id)
		} else {
			c.start(id)
		}
	case x < 985:
		if c.nodes[id] == nil {
			c.start(id)
		}
	default:
		from, to := id, c.ids[c.rng.IntN(len(c.ids))]
		c.cut[[2]ReplicaID{from, to}] = c.rng.IntN(2) == 0
	}
}

func (c *cluster) persistSome(id ReplicaID) {
	if n := len(c.disks[id].pending); n > 0 && c.nodes[id] != nil {
		c.persist(id, 1+c.rng.IntN(n))
		c.after(id)
	}
}

// churn takes one random step of a schedule in which the group changes and logs are compacted.
func (c *cluster) churn(i int) {
	id := c.ids[c.rng.IntN(len(c.ids))]
	switch x := c.rng.IntN(100); {
	case x < 85:
		c.chaos(i)
	case x < 90:
		if r := c.nodes[id]; r != nil && r.Applied() > 0 {
			r.Compact(r.Applied() - c.rng.Uint64N(min(20, r.Applied())))
			c.after(id)
		}
	case x < 95:
		if n := len(c.transits); len(c.sendings)+n > 0 {
			c.sendSnapshot(c.rng.IntN(max(1, n)), c.rng.IntN(4) == 0)
		}
	default:
		if l := c.leader(); l != nil {
			// Most are refused: that is part of it.
			_ = c.change(l, c.anyChanges(l)...)
		}
	}
}

// anyChanges draws changes of the leader's configuration.
func (c *cluster) anyChanges(l *Raft) []confchange.Change {
	conf := l.Configuration()
	var changes []confchange.Change
	for range 1 + c.rng.IntN(2) {
		m := conf.Members[c.rng.IntN(len(conf.Members))]
		if node := 1 + c.rng.Uint64N(6); c.rng.IntN(3) == 0 {
			id := MakeReplicaID(node, conf.Generation+1+uint32(len(changes)))
			changes = append(changes, change(confchange.AddLearner, id))
			continue
		}
		kinds := []confchange.Kind{confchange.Demote, confchange.Remove, confchange.Remove}
		if m.Learner {
			kinds = []confchange.Kind{confchange.Promote, confchange.Promote, confchange.Remove}
		}
		changes = append(changes, change(kinds[c.rng.IntN(len(kinds))], ReplicaID(m.ID)))
	}
	return changes
}

// heal ends all faults; then the cluster must agree on one more command.
func (c *cluster) heal() {
	clear(c.cut)
	c.lose, c.double, c.syncDisk, c.delay, c.filter = 0, 0, true, time.Millisecond, nil
	for _, id := range c.ids {
		if c.nodes[id] == nil {
			c.start(id)
		}
		c.persistSome(id)
		c.after(id)
	}
	before := len(c.committed)
	c.runUntil("after the faults a command commits", func() bool {
		if l := c.leader(); l != nil && l.LastIndex() == l.Commit() {
			c.propose(l, "healed")
		}
		return len(c.committed) > before+1
	})
	c.agree("after the faults all replicas agree")
}

// Claim: under loss, duplication, reordering, partitions, crashes and slow disks no invariant breaks and
// nothing committed is lost; once the faults end the cluster agrees. Method: schedules by seed,
// with every switch and tight limits, checked after each input.
func TestClusterSafetyUnderChaos(t *testing.T) {
	var elections, commits, reads, fetches int
	for seed := range uint64(120) {
		n := []int{3, 5, 3, 2, 3, 4}[seed%6]
		c := newCluster(t, n, seed, func(cfg *Config) {
			cfg.PreVote = seed%4 != 1
			cfg.CheckQuorum = seed%8 < 6
			if seed%3 == 0 {
				cfg.MaxCacheBytes, cfg.MaxAppendBytes, cfg.MaxInflightAppends = 100, 100, 2
			}
		})
		c.lose, c.double = int(seed%3)*5, int(seed%5)*5
		c.delay = []time.Duration{time.Millisecond, 30 * time.Millisecond, 300 * time.Millisecond}[seed%3]
		c.syncDisk = false
		for i := range 5000 {
			c.chaos(i)
			fetches += len(c.fetches)
		}
		c.heal()
		elections, commits, reads = elections+len(c.leaders), commits+len(c.committed), reads+len(c.grants)
	}
	t.Logf("%d leaders, %d commits, %d reads, %d fetches", elections, commits, reads, fetches)
	require.Greater(t, elections, 120, "the faults must depose leaders")
	require.Greater(t, commits, 2000, "the schedules must commit under faults")
	require.Greater(t, reads, 200, "reads must be granted under faults")
	require.Positive(t, fetches, "slow followers must need fetches")
}

// Claim (MEMB-01, -02, -05, -07, -08, -10, SNAP-03, -10, COMM-05, -17, ELEC-15, -16): the same while the group changes and followers get
// snapshots, also from leaders of long ago. Method: as above, with changes and compactions at random.
func TestClusterSafetyWhileTheGroupChanges(t *testing.T) {
	var changes, restores, commits, generations int
	for seed := range uint64(120) {
		c := newCluster(t, []int{3, 1, 4, 2, 5}[seed%5], seed+1000, func(cfg *Config) {
			cfg.PreVote = seed%4 != 1
			cfg.CheckQuorum = seed%8 < 6
			if seed%3 == 0 {
				cfg.MaxCacheBytes, cfg.MaxAppendBytes, cfg.MaxInflightAppends = 100, 100, 2
			}
		})
		c.lose, c.double = int(seed%3)*5, int(seed%5)*5
		c.delay = []time.Duration{time.Millisecond, 30 * time.Millisecond, 300 * time.Millisecond}[seed/3%3]
		c.syncDisk = false
		for i := range 5000 {
			c.churn(i)
		}
		c.heal()
		changes, restores, commits = changes+c.changes, restores+c.restores, commits+len(c.committed)
		generations += int(c.leader().CommittedConfiguration().Generation)
	}
	t.Logf("%d changes, %d replicas added, %d snapshots taken over, %d commits", changes, generations, restores, commits)
	require.Greater(t, changes, 300, "the group must change under faults")
	require.Greater(t, generations, 100, "replicas must join under faults")
	require.Greater(t, restores, 100, "followers must need snapshots")
	require.Greater(t, commits, 2000, "the schedules must commit under faults")
}

// Claim: the same, for schedules that rapid chooses and shrinks. Method: each draw is one step.
func TestClusterSafetyRapid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{3, 5}).Draw(t, "replicas")
		c := newCluster(t, n, rapid.Uint64Range(0, 1000).Draw(t, "seed"), nil)
		c.elect()
		c.syncDisk = false
		pick := func() ReplicaID { return ReplicaID(rapid.IntRange(1, n).Draw(t, "replica")) }
		step := 0
		t.Repeat(map[string]func(*rapid.T){
			"step":  func(*rapid.T) { c.step() },
			"steps": func(*rapid.T) { c.run(testHeartbeat) },
			"settle": func(*rapid.T) {
				for _, id := range c.ids {
					c.persistSome(id)
				}
			},
			"persist": func(*rapid.T) { c.persistSome(pick()) },
			"deliver": func(*rapid.T) {
				if len(c.mail) > 0 {
					c.deliver(rapid.IntRange(0, len(c.mail)-1).Draw(t, "letter"))
				}
			},
			"lose": func(*rapid.T) { c.mail = nil },
			"propose": func(*rapid.T) {
				if l := c.leader(); l != nil {
					step++
					c.propose(l, fmt.Sprint(step))
				}
			},
			"read": func(*rapid.T) {
				if r := c.nodes[pick()]; r != nil {
					step++
					c.read(r, uint64(step))
				}
			},
			"crash": func(*rapid.T) {
				if id := pick(); c.nodes[id] != nil {
					c.crash(id)
					c.start(id)
				}
			},
			"isolate": func(*rapid.T) { c.isolate(pick(), rapid.Bool().Draw(t, "cut")) },
		})
	})
}
