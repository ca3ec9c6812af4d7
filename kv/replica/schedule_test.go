package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// schedule is a random run of three replicas with clients that write and read anywhere.
type schedule struct {
	*group
	rt     *rapid.T
	writes []*write
	reads  []*read
	origin map[*write]*home
	// running are jobs that have run but whose completion has not come yet, by home and lane.
	running map[*home]*[env.NumLanes]env.Job
}

func (s *schedule) any(what string) *home {
	return s.at[rapid.IntRange(0, len(s.at)-1).Draw(s.rt, what)]
}

func (s *schedule) step() {
	h := s.any("replica")
	switch rapid.IntRange(0, 14).Draw(s.rt, "step") {
	case 0, 1:
		w := h.put(fmt.Sprint("k", len(s.writes)%3), fmt.Sprint(len(s.writes)))
		s.writes, s.origin[w] = append(s.writes, w), h
	case 2, 3:
		s.reads = append(s.reads, h.get(fmt.Sprint("k", len(s.reads)%3), false))
	case 4:
		s.reads = append(s.reads, h.get("k0", true))
	case 5, 6, 7:
		if len(s.mail) > 0 {
			s.deliver(rapid.IntRange(0, min(5, len(s.mail)-1)).Draw(s.rt, "message"))
		}
		return
	case 8:
		if len(s.mail) > 0 && rapid.IntRange(0, 3).Draw(s.rt, "lose") == 0 {
			s.mail = s.mail[1:]
		}
		return
	case 9:
		if len(h.handed) > 0 {
			h.write()
		}
	case 10, 11:
		s.work(h)
	case 12:
		s.now = s.now.Add(10 * time.Millisecond)
		h.r.Tick(s.now)
	case 13:
		if rapid.IntRange(0, 5).Draw(s.rt, "cut") == 0 {
			s.alone[h.id] = !s.alone[h.id]
		}
		return
	case 14:
		if rapid.IntRange(0, 2).Draw(s.rt, "time-out") == 0 {
			s.campaign(h.id)
		}
		return
	}
	if rapid.Bool().Draw(s.rt, "turn") {
		h.turn()
	}
}

// work runs a job of the home, or completes one that has run.
func (s *schedule) work(h *home) {
	lane := env.LaneApply
	if len(h.jobs[env.LaneFetch]) > 0 || s.running[h][env.LaneFetch] != nil {
		lane = env.LaneFetch
	}
	if job := s.running[h][lane]; job != nil {
		s.running[h][lane] = nil
		job.Done()
		return
	}
	if len(h.jobs[lane]) > 0 {
		job := h.jobs[lane][0]
		h.jobs[lane] = h.jobs[lane][1:]
		job.Run()
		s.running[h][lane] = job
	}
}

// heal lets everything come to an end under one leader.
func (s *schedule) heal() {
	clear(s.alone)
	for _, h := range s.at {
		for lane, job := range s.running[h] {
			if job != nil {
				s.running[h][lane] = nil
				job.Done()
			}
		}
		h.turn()
	}
	s.settle()
	best := s.at[0]
	for _, h := range s.at {
		a, b := h.r.Raft().Status(), best.r.Raft().Status()
		if a.LastTerm > b.LastTerm || a.LastTerm == b.LastTerm && a.LastIndex > b.LastIndex {
			best = h
		}
	}
	l := s.elect(best.id)
	for range 6 {
		s.beat(l.id)
	}
	last := l.put("last", "v")
	l.turn()
	s.settle()
	require.NotNil(s.t, last.res)
	s.beat(l.id)
	s.agree()
}

// judge checks that each answer was true, given what has been committed in the end.
func (s *schedule) judge() {
	committed := map[string]raft.Entry{}
	log := s.at[0].entries
	for _, e := range log {
		if e.Kind == raft.EntryNormal {
			require.NotContains(s.t, committed, string(e.Data), "an entry is in the log twice")
			committed[string(e.Data)] = e
		}
	}
	for _, w := range s.writes {
		require.Equal(s.t, 1, w.ends, "REP-6: %s", w.name)
		e, is := committed[string(w.payload)]
		switch {
		case w.res != nil:
			require.True(s.t, is && w.res.Index == e.Index && w.res.Term == e.Term, "REP-3: %s", w.name)
		case w.drop == Unknown:
			require.True(s.t, s.origin[w].proposed[string(w.payload)], "%s was never appended, so its fate is known", w.name)
		default:
			require.Equal(s.t, NotLeader, w.drop)
			require.False(s.t, is, "REP-4: %s is said not to be applied, but is", w.name)
		}
	}
	for _, rd := range s.reads {
		require.Equal(s.t, 1, rd.ends, "REP-6: %s", rd.name)
		if rd.drop != 0 {
			require.Equal(s.t, NotLeader, rd.drop)
			continue
		}
		require.GreaterOrEqual(s.t, rd.ranAt, rd.floor, "REP-5: %s misses what was committed before it", rd.name)
		require.Equal(s.t, rd.ranAt, rd.doneAt)
		require.Equal(s.t, newest(log[:rd.ranAt], rd.key), rd.value.Version, "%s at %d", rd.name, rd.ranAt)
	}
}

// newest returns the index of the last entry that writes the key.
func newest(log []raft.Entry, key string) uint64 {
	for i := len(log) - 1; i >= 0; i-- {
		c, err := machine.DecodeCommand(log[i].Data)
		if log[i].Kind == raft.EntryNormal && err == nil && string(c.Ops[0].Key) == key {
			return log[i].Index
		}
	}
	return 0
}

// Goal: REP-1 to REP-6 under any order of events: every wait ends exactly once and truthfully, no read is older than what had
// been committed when it came. Method: random messages, losses, disks, jobs, elections and turns, then peace; the log that the
// replicas end with says what is true. All outcomes must have come up.
func TestAnswersAreTrueUnderAnySchedule(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		cache := rapid.SampledFrom([]int{1, 1 << 20}).Draw(rt, "cache")
		g := newGroup(rt, 3, func(c *Config) { c.Raft.MaxCacheBytes, c.MaxApplyBytes = cache, 200 })
		s := &schedule{group: g, rt: rt, origin: map[*write]*home{}, running: map[*home]*[env.NumLanes]env.Job{}}
		for _, h := range g.at {
			s.running[h] = &[env.NumLanes]env.Job{}
		}
		g.elect(raft.ReplicaID(rapid.IntRange(1, 3).Draw(rt, "first leader")))
		for range rapid.IntRange(20, 250).Draw(rt, "steps") {
			s.step()
		}
		s.heal()
		s.judge()
		for _, w := range s.writes {
			seen[fmt.Sprint("write ", w.drop)]++
		}
		for _, rd := range s.reads {
			seen[fmt.Sprint("read ", rd.drop)]++
		}
	})
	for _, outcome := range []string{
		fmt.Sprint("write ", 0), fmt.Sprint("write ", NotLeader), fmt.Sprint("write ", Unknown), fmt.Sprint("read ", 0), fmt.Sprint("read ", NotLeader),
	} {
		require.Positive(t, seen[outcome], "%s never came up", outcome)
	}
}
