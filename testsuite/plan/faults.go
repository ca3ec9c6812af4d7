package plan

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
)

func (p *Plan) drawFaults(s *rand.Rand) {
	// A few kinds for each seed, each with a weight.
	var bag []FaultKind
	kinds := drawn()
	for range 1 + s.IntN(5) {
		k := kinds[s.IntN(len(kinds))]
		for range 1 + s.IntN(4) {
			bag = append(bag, k)
		}
	}
	mean := pick[time.Duration](s, 50, 150, 400, 1000, 3000) * time.Millisecond
	for at := min(between(s, 0, mean), p.HealAt/2); at < p.HealAt; at += time.Millisecond + between(s, 0, 3*mean) {
		f := Fault{At: at, Kind: pick(s, bag...), Leader: s.IntN(3) == 0}
		f.For = between(s, 10*time.Millisecond, 3*time.Second)
		if p.aim(s, &f) {
			p.Faults = append(p.Faults, f)
		}
	}
}

// aim fills in targets and parameter; false if the kind makes no sense here.
func (p *Plan) aim(s *rand.Rand, f *Fault) bool {
	f.Targets = []int{1 + s.IntN(p.Nodes)}
	switch f.Kind {
	case Blackout:
		f.Targets, f.Leader = nil, false
		f.Param = 1 + s.Int64N(1000)
	case Ring, Bridge:
		f.Targets, f.Leader = nil, false
		// A ring of three is whole.
		return p.Nodes >= 4 || f.Kind == Bridge && p.Nodes == 3
	case Split:
		order := s.Perm(p.Nodes)
		f.Targets = f.Targets[:0]
		for _, n := range order[:(p.Nodes+s.IntN(2))/2] {
			f.Targets = append(f.Targets, n+1)
		}
		slices.Sort(f.Targets)
		return p.Nodes >= 2
	case Isolate, OneWay, Clog:
		f.Param = s.Int64N(2)
		return p.Nodes >= 2
	case Fuse:
		f.Param = 1 + s.Int64N(30)
		f.For += 300 * time.Millisecond // to run out
	case SlowDisk, SlowApply:
		f.Param = pick[int64](s, 5, 50, 400)
		f.For += 100 * time.Millisecond // for a job to come
	case ClockJump:
		f.Param = pick[int64](s, -1, 1) * pick[int64](s, 50, 5000, 3600_000)
	case ClockDrift:
		f.For += 200 * time.Millisecond // for a timer to fire
		f.Param = pick[int64](s, -1, 1) * pick[int64](s, 200, 20_000, 200_000)
		if st := &p.Settings; st.LeaseReads {
			// At the bound that leases rest on, not beyond it.
			f.Param = max(min(f.Param, int64(st.MaxClockDrift)), -int64(st.MaxClockDrift))
		}
	case FailWrite:
		// Only where the engine writes often enough.
		f.Param = s.Int64N(2)
		if p.Settings.FlushEvery > 5 {
			f.Param = 0
		}
	case FullDisk:
		f.Param = pick[int64](s, 0, 1, 1)
		// Segments are taken as a whole, so it takes a while until room is needed.
		f.For = between(s, 300*time.Millisecond, 6*time.Second)
	case SlowSnapshot, StallSnapshot:
		// The lane has work only now and then.
		f.Param = pick[int64](s, 5, 50, 400)
		f.For = between(s, time.Second, 6*time.Second)
		return p.compacts()
	case BitRot, Misdirect, FailRead, Wipe:
		return p.aimLoss(s, f)
	case Swizzle, Throttle, SlowProcess, ClockOffset, ClockStrobe, FloodSessions:
		return p.aimFurther(s, f)
	}
	return true
}

// aimLoss is aim for faults that may cost a node its copy of the data: a minority of the nodes
// at most, or no system could survive.
func (p *Plan) aimLoss(s *rand.Rand, f *Fault) bool {
	switch f.Kind {
	case BitRot:
		f.Param = s.Int64N(4)
		if p.Settings.FlushEvery > 30 && !p.compacts() {
			f.Param &^= 1 // the engine has no files
		}
	case Misdirect:
		f.Param = pick[int64](s, -1, 1) * pick[int64](s, 32, 512, 4096)
	case FailRead:
		f.Param = pick[int64](s, 0, 1, 1)
	}
	with := *p
	with.Faults = append(with.Faults[:len(p.Faults):len(p.Faults)], *f)
	return with.lost() <= p.spare()
}

// compacts reports whether logs are compacted in the length of a run, most likely more than once.
func (p *Plan) compacts() bool {
	const entry = 100 // bytes, about
	writes := int64(0)
	for i := range p.Operations {
		if p.Operations[i].Kind != history.Get {
			writes++
		}
	}
	return p.Settings.CompactBytes > 0 && 2*p.Settings.CompactBytes <= writes*entry
}

// drawMemberChanges gives half of the plans spare nodes and changes of members.
func (p *Plan) drawMemberChanges(s *rand.Rand) {
	if s.IntN(2) == 0 {
		return
	}
	p.Spares = pick(s, 0, 1, 1, 2, 3)
	var bag []FaultKind
	for range 1 + s.IntN(4) {
		k := memberChanges.kinds[s.IntN(len(memberChanges.kinds))]
		for range 1 + s.IntN(3) {
			bag = append(bag, k)
		}
	}
	mean := pick[time.Duration](s, 100, 500, 2000) * time.Millisecond
	// Changes take some time, so the first comes early and the last not at the end.
	const least = 300 * time.Millisecond
	for at := min(between(s, 0, mean), p.HealAt/4); at < p.HealAt-least; at += time.Millisecond + between(s, 0, 3*mean) {
		f := Fault{At: at, Kind: pick(s, bag...), Leader: s.IntN(2) == 0}
		f.For = between(s, 10*time.Millisecond, min(2*time.Second, p.HealAt/4))
		if p.aimChange(s, &f) {
			p.Faults = append(p.Faults, f)
		}
	}
}

// aimChange fills in targets and parameter of a change of members.
func (p *Plan) aimChange(s *rand.Rand, f *Fault) bool {
	f.Targets = []int{1 + s.IntN(p.Machines())}
	f.Param = s.Int64N(2)
	switch f.Kind {
	case AddNode:
		f.Leader, f.Param = false, pick[int64](s, 0, 0, 1)
	case Promote, Demote, RemoveNode:
		f.Param = 0
	case Replace:
		f.Targets = append(f.Targets, 1+s.IntN(p.Machines()))
	case TransferLeader:
		f.Leader = false
	}
	switch f.Kind {
	case AddNode, Replace:
		return p.Spares > 0
	case RemoveNode, Demote:
		return p.Nodes-1 > 2*p.lost()
	case TransferLeader:
		return p.Nodes >= 2
	}
	return p.Spares > 0 || p.Nodes-1 > 2*p.lost()
}

// drawClientFaults gives a third of the plans faults of clients.
func (p *Plan) drawClientFaults(s *rand.Rand) {
	if s.IntN(3) == 0 {
		p.drawScheduleOfClients(s)
	}
}

func (p *Plan) drawScheduleOfClients(s *rand.Rand) {
	mean := pick[time.Duration](s, 200, 1000, 3000) * time.Millisecond
	for at := min(between(s, 0, mean), p.HealAt/4); at < p.HealAt; at += time.Millisecond + between(s, 0, 3*mean) {
		f := Fault{At: at, Kind: pick(s, clientFaults.kinds...), Param: 1 + s.Int64N(int64(p.Clients))}
		f.For = between(s, 50*time.Millisecond, p.HealAt/2)
		if f.Kind == DivertClient {
			f.Targets, f.Leader = []int{1 + s.IntN(p.Nodes)}, s.IntN(2) == 0
		}
		p.Faults = append(p.Faults, f)
	}
}
