package plan

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/netsim"
)

// Draw returns the plan of a seed: a swarm draw of everything (DESIGN §8). No two
// seeds test the same mixture: a fault that is always on hides what another would
// find.
func Draw(seed uint64) *Plan {
	p := &Plan{Version: Version, Seed: seed}
	s := netsim.NewStream(seed, "plan/size")
	p.Nodes = pick(s, 3, 3, 3, 3, 5, 5, 5, 1, 2, 4, 7)
	p.Clients = 1 + s.IntN(6)
	p.HealAt = between(s, time.Second, 10*time.Second)
	p.drawCommon()
	if s.IntN(3) == 0 {
		for n := 1; n <= (p.Nodes-1)/2; n++ {
			if s.IntN(2) == 0 {
				p.StayDead = append(p.StayDead, n)
			}
		}
	}
	// The core must make progress though the rest does not come back.
	if p.Nodes >= 3 && len(p.StayDead) == 0 && s.IntN(8) == 0 {
		f := Fault{At: between(s, 0, p.HealAt), For: p.HealAt, Kind: HangDisk, Param: s.Int64N(2), Leader: true, Targets: []int{1 + s.IntN(p.Nodes)}}
		p.Faults = append(p.Faults, f)
	}
	p.drawFaults(netsim.NewStream(seed, "plan/faults"))
	if memberChanges.on {
		p.drawMemberChanges(netsim.NewStream(seed, "plan/members"))
	}
	p.drawClientFaults(netsim.NewStream(seed, "plan/client-faults"))
	p.drawFurtherFaults(netsim.NewStream(seed, "plan/further-faults"))
	p.sortFaults()
	return p
}

// drawCommon draws what does not depend on whether there are partitions.
func (p *Plan) drawCommon() {
	seed := p.Seed
	p.drawSettings(netsim.NewStream(seed, "plan/settings"))
	p.Settings.ApplyDelay = pick[time.Duration](netsim.NewStream(seed, "plan/apply-delay"), 0, 0, 1, 4) * p.Settings.ElectionTimeout / 4
	p.drawNetwork(netsim.NewStream(seed, "plan/network"))
	p.drawOperations(netsim.NewStream(seed, "plan/operations"))
	p.drawFollowerReads(netsim.NewStream(seed, "plan/follower-reads"))
	p.DrawSeveral(netsim.NewStream(seed, "plan/several"))
	p.drawSnapshots(netsim.NewStream(seed, "plan/snapshots"))
	p.drawLeadership(netsim.NewStream(seed, "plan/leadership"))
	p.drawQuirks(netsim.NewStream(seed, "plan/quirks"))
}

func (p *Plan) sortFaults() {
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

func pick[T any](s *rand.Rand, from ...T) T { return from[s.IntN(len(from))] }

// between draws with a preference for small values: the square of a uniform draw.
func between(s *rand.Rand, lo, hi time.Duration) time.Duration {
	u := s.Float64()
	return (lo + time.Duration(u*u*float64(hi-lo))).Round(time.Microsecond)
}

func (p *Plan) drawSettings(s *rand.Rand) {
	st := &p.Settings
	st.Heartbeat = pick[time.Duration](s, 20, 50, 50, 100) * time.Millisecond
	st.ElectionTimeout = st.Heartbeat * time.Duration(2+s.IntN(5))
	st.NoPreVote = s.IntN(5) == 0
	st.NoCheckQuorum = s.IntN(4) == 0
	st.MaxAppendBytes = pick(s, 1, 200, 4<<10, 256<<10)
	st.MaxInflightAppends = pick(s, 1, 2, 8, 64)
	st.MaxUncommittedBytes = pick(s, 2<<10, 64<<10, 32<<20)
	st.MaxCacheBytes = pick(s, 1, 1<<10, 1<<20)
	st.MaxApplyBytes = pick(s, 1, 500, 1<<20)
	st.SegmentBytes = pick[int64](s, 4<<10, 16<<10, 64<<10)
	st.FlushEvery = pick(s, 1, 5, 30, 1000)
	st.SessionTTL = pick(s, 2*time.Second, 10*time.Minute, 10*time.Minute)
	st.SessionWindow = pick(s, 2, 16, 1024)
	st.MaxSessions = pick(s, 8, 64, 1<<16)
	st.AttemptTimeout = pick[time.Duration](s, 1, 2, 5) * st.ElectionTimeout
	st.OperationTimeout = between(s, time.Second, 6*time.Second)
}

// drawSnapshots draws how often the log is compacted and how snapshots travel.
func (p *Plan) drawSnapshots(s *rand.Rand) {
	st := &p.Settings
	st.CompactBytes = pick[int64](s, 2<<10, 2<<10, 16<<10, 1<<20, 0)
	st.SnapshotChunkBytes = pick(s, 64, 1<<10, 256<<10)
	st.SnapshotWindow = pick(s, 1, 2, 8)
}

// drawLeadership draws leases and priorities.
func (p *Plan) drawLeadership(s *rand.Rand) {
	st := &p.Settings
	st.LeaseReads = s.IntN(3) == 0 && !st.NoCheckQuorum
	st.MaxClockDrift = pick(s, 200, 20_000, 200_000)
	if s.IntN(4) == 0 {
		for range p.Nodes {
			st.Priorities = append(st.Priorities, s.IntN(3))
		}
	}
}

// drawFollowerReads lets some reads be answered by any node.
func (p *Plan) drawFollowerReads(s *rand.Rand) {
	share := pick(s, 0, 0.1, 0.5)
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == history.Get && !op.Stale {
			op.Follower = s.Float64() < share
		}
	}
}

func (p *Plan) drawNetwork(s *rand.Rand) {
	us, ms := time.Microsecond, time.Millisecond
	p.Network = Network{
		DelayBase:   pick(s, 50*us, 200*us, ms, 5*ms),
		DelayJitter: pick(s, 100*us, ms, 10*ms),
		Tail:        pick(s, 0, 0.002, 0.02, 0.05),
		TailMax:     pick[time.Duration](s, 1, 3, 8) * p.Settings.ElectionTimeout,
		Loss:        pick(s, 0, 0, 0.01, 0.05, 0.2),
		Duplicate:   pick(s, 0, 0, 0.02, 0.2),
		FIFO:        s.IntN(3) == 0,
	}
	p.Disk = Disk{
		FsyncBase:   pick(s, 0, 150*us, ms, 5*ms),
		FsyncJitter: pick(s, 100*us, ms, 20*ms),
		StallChance: pick(s, 0, 0.001, 0.01),
		StallMax:    pick[time.Duration](s, 1, 4) * p.Settings.ElectionTimeout,
		ApplyJitter: pick(s, 50*us, ms, 20*ms),
	}
}

func (p *Plan) drawOperations(s *rand.Rand) {
	count := pick(s, 30, 100, 300, 500)
	keys := 1 + s.IntN(5)
	// Weights of the kinds differ from seed to seed.
	kinds := []history.Kind{
		history.Get, history.Put, history.Erase, history.CASVersion, history.CASValue, history.PutIfAbsent,
	}
	var bag []history.Kind
	for _, k := range kinds {
		for range s.IntN(6) {
			bag = append(bag, k)
		}
	}
	bag = append(bag, history.Get, history.Get, history.Put, history.Put)
	noSession := pick(s, 0, 0, 0.1, 0.5)
	// In some runs the first clients only read: they learn of a new leader last.
	readers := pick(s, 0, 0, p.Clients/2)
	// Some runs come in bursts, some steadily.
	bursts := s.IntN(2) == 0
	at := make([]time.Duration, count)
	for i := range at {
		at[i] = time.Duration(s.Int64N(int64(p.HealAt)))
		if bursts && i > 0 && s.IntN(8) != 0 {
			at[i] = at[i-1] + time.Duration(s.Int64N(int64(5*time.Millisecond)))
		}
	}
	slices.Sort(at)
	for i, t := range at {
		op := Operation{
			At: min(t, p.HealAt).Round(time.Microsecond), Client: 1 + s.IntN(p.Clients), Kind: pick(s, bag...),
			Key: fmt.Sprintf("k%d", 1+s.IntN(keys)), NoSession: s.Float64() < noSession,
		}
		if op.Client <= readers {
			op.Kind = history.Get
		}
		if op.Kind.CarriesValue() {
			op.Value = fmt.Sprintf("v%d", i+1)
		}
		if op.Kind == history.Get {
			op.NoSession = false
			op.Stale = s.IntN(20) == 0
		}
		p.Operations = append(p.Operations, op)
	}
}
