package plan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// everything turns all menus on for one test.
func everything(t *testing.T) {
	menus := []*menu{&diskErrors, &snapshotFaults, &diskLosses, &memberChanges}
	for _, m := range menus {
		was := m.on
		t.Cleanup(func() { m.on = was })
		m.on = true
	}
}

func encoded(t require.TestingT, p *Plan) string {
	var b bytes.Buffer
	require.NoError(t, p.Encode(&b))
	return b.String()
}

// Goal: every kind of fault is drawn, and plans with all of them are valid and survive their
// file. Method: draw many seeds with all menus on, encode and decode.
func TestDrawnPlansOfAllKindsSurviveTheirFile(t *testing.T) {
	everything(t)
	seen := make(map[FaultKind]int)
	for seed := range uint64(400) {
		p := Draw(seed)
		again, err := Decode(strings.NewReader(encoded(t, p)))
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, p, again)
		require.Equal(t, p, Draw(seed))
		for i := range p.Faults {
			seen[p.Faults[i].Kind]++
		}
	}
	kinds := slices.Concat(drawn(), memberChanges.kinds, clientFaults.kinds, furtherFaults.kinds)
	for _, k := range append(kinds, HangDisk) {
		require.Positive(t, seen[k], "%s", k)
		delete(seen, k)
	}
	require.Empty(t, seen)
}

// Goal: a majority of the nodes keeps its copy of the data and comes back, whoever leads.
// Method: count the nodes that faults of drawn plans may cost, in the worst case.
func TestDrawnFaultsLeaveAMajority(t *testing.T) {
	everything(t)
	losing := 0
	for seed := range uint64(400) {
		p := Draw(seed)
		lost := make(map[string]bool)
		for _, n := range p.StayDead {
			lost[fmt.Sprint(n)] = true
		}
		for i, f := range p.Faults {
			switch f.Kind {
			case HangDisk, BitRot, Misdirect, FailRead, Wipe:
				name := fmt.Sprint(f.Targets[0])
				if f.Leader {
					name = fmt.Sprintf("leader at %d", i)
				}
				lost[name] = true
				losing++
			}
		}
		if len(lost) > 0 {
			require.Greater(t, p.Nodes, 2*len(lost), "seed %d", seed)
		}
	}
	require.Greater(t, losing, 50)
}

// Goal: whatever is removed from a plan, the rest can be executed (PLAN-2). Method: remove each
// fault of drawn plans, and all but each.
func TestPlansStayValidWhenFaultsAreRemoved(t *testing.T) {
	everything(t)
	for seed := range uint64(60) {
		p := Draw(seed)
		faults := p.Faults
		for i := range faults {
			p.Faults = append(append([]Fault(nil), faults[:i]...), faults[i+1:]...)
			require.NoError(t, p.Validate(), "seed %d without fault %d", seed, i)
			p.Faults = faults[i : i+1]
			require.NoError(t, p.Validate(), "seed %d with fault %d only", seed, i)
		}
	}
}

// Goal: with leases no clock drifts more than leases allow for. Method: drawn plans.
func TestDriftStaysWithinTheBoundOfLeases(t *testing.T) {
	leases, atBound := 0, 0
	for seed := range uint64(300) {
		p := Draw(seed)
		if !p.Settings.LeaseReads {
			continue
		}
		leases++
		require.False(t, p.Settings.NoCheckQuorum)
		for _, f := range p.Faults {
			if f.Kind != ClockDrift {
				continue
			}
			require.LessOrEqual(t, max(f.Param, -f.Param), int64(p.Settings.MaxClockDrift), "seed %d", seed)
			if max(f.Param, -f.Param) == int64(p.Settings.MaxClockDrift) {
				atBound++
			}
		}
	}
	require.Positive(t, leases)
	require.Positive(t, atBound)
}

// Goal: a stream of its own for each part: what is drawn for one leaves the others as they are
// (PLAN-1). Method: the same seed with and without changes of members.
func TestMemberChangesLeaveTheRestOfThePlan(t *testing.T) {
	everything(t)
	changed := 0
	for seed := range uint64(50) {
		memberChanges.on = false
		without := Draw(seed)
		memberChanges.on = true
		with := Draw(seed)
		var others []Fault
		for _, f := range with.Faults {
			if !f.Kind.Changes() {
				others = append(others, f)
			}
		}
		changed += len(with.Faults) - len(others)
		with.Faults, with.Spares = others, 0
		require.Equal(t, without, with)
	}
	require.Positive(t, changed)
}

// Goal: plans of the format before are read, those of a later one are not. Method: a file each.
func TestVersionsOfPlans(t *testing.T) {
	const file = `{"version": %d, "seed": 7, "nodes": 3, "clients": 1, "heal_at": 5, "operations": [], "faults": [
		{"at": 1, "for": 2, "kind": "blackout"}]}`
	for version, ok := range map[int]bool{0: false, 1: true, 2: true, 3: true, 4: false} {
		p, err := Decode(strings.NewReader(fmt.Sprintf(file, version)))
		if !ok {
			require.ErrorContains(t, err, "format version")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, Version, p.Version)
		require.Equal(t, Blackout, p.Faults[0].Kind)
	}
}

// Goal: a plan that cannot be executed is refused. Method: spoil a valid one in each way.
func TestPlansThatMakeNoSenseAreRefused(t *testing.T) {
	one := func(f Fault) func(*Plan) { return func(p *Plan) { p.Faults = []Fault{f} } }
	for why, spoil := range map[string]func(*Plan){
		"not known":                   one(Fault{Kind: "flood", Targets: []int{1}}),
		"is not one of 1 to 4":        one(Fault{Kind: Wipe, Targets: []int{5}}),
		"the node to remove":          one(Fault{Kind: Replace, Targets: []int{4}}),
		"a distance in bytes":         one(Fault{Kind: Misdirect, Targets: []int{1}}),
		"parts per million, allowed":  one(Fault{Kind: ClockDrift, Targets: []int{1}, Param: 600_000}),
		"has no target":               one(Fault{Kind: AddNode}),
		"do not come back or lose":    func(p *Plan) { p.StayDead = []int{2}; one(Fault{Kind: BitRot, Leader: true, Targets: []int{1}})(p) },
		"spare nodes":                 func(p *Plan) { p.Spares = MaxSpares + 1 },
		"leases need check-quorum":    func(p *Plan) { p.Settings.LeaseReads, p.Settings.NoCheckQuorum = true, true },
		"has priority":                func(p *Plan) { p.Settings.Priorities = []int{0, 256} },
		"a clock drift of":            func(p *Plan) { p.Settings.MaxClockDrift = -1 },
		"must not be negative":        func(p *Plan) { p.Settings.CompactBytes = -1 },
		"out of order in time":        one(Fault{At: -time.Second, Kind: Blackout}),
		"nodes, allowed are 1 to 9":   func(p *Plan) { p.Nodes = 10 },
		"clients, allowed are 1 to":   func(p *Plan) { p.Clients = 0 },
		"heal_at is negative":         func(p *Plan) { p.HealAt = -1 },
		"do not come back or lose th": func(p *Plan) { p.StayDead = []int{1, 2} },
	} {
		p := &Plan{Version: Version, Nodes: 3, Spares: 1, Clients: 1}
		require.NoError(t, p.Validate())
		spoil(p)
		require.ErrorContains(t, p.Validate(), why)
	}
}
