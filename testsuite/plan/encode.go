package plan

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/holdfastdb/holdfast/netsim"
)

// Encode writes the plan as indented JSON.
func (p *Plan) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(p)
}

// Decode reads and validates a plan.
func Decode(r io.Reader) (*Plan, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	p := new(Plan)
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("reading a plan: %w", err)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p.Version = Version
	return p, nil
}

// Limits of a plan, so that a file cannot ask for the impossible.
const (
	MaxNodes   = 9
	MaxSpares  = 4
	MaxClients = 64
	// maxPartitions keeps a run small.
	maxPartitions = 64
)

// Validate says what is wrong with a plan.
func (p *Plan) Validate() error {
	switch {
	case p.Version < oldestVersion || p.Version > Version:
		return fmt.Errorf("plan: format version %d, this program understands %d to %d", p.Version, oldestVersion, Version)
	case p.Nodes < 1 || p.Nodes > MaxNodes:
		return fmt.Errorf("plan: %d nodes, allowed are 1 to %d", p.Nodes, MaxNodes)
	case p.Spares < 0 || p.Spares > MaxSpares:
		return fmt.Errorf("plan: %d spare nodes, allowed are 0 to %d", p.Spares, MaxSpares)
	case p.Clients < 1 || p.Clients > MaxClients:
		return fmt.Errorf("plan: %d clients, allowed are 1 to %d", p.Clients, MaxClients)
	case p.HealAt < 0:
		return fmt.Errorf("plan: heal_at is negative")
	}
	if lost := p.lost(); lost > 0 && lost > p.spare() {
		return fmt.Errorf("plan: %d of %d nodes do not come back or lose their disk: a majority, also of any partition, must not", lost, p.Nodes)
	}
	if err := p.Settings.check(); err != nil {
		return err
	}
	if err := p.Quirks.check(); err != nil {
		return err
	}
	if p.Sharded() {
		if err := p.Sharding.check(); err != nil {
			return err
		}
	}
	values := make(map[string]bool)
	for i := range p.Operations {
		op := &p.Operations[i]
		switch {
		case op.Client < 1 || op.Client > p.Clients:
			return fmt.Errorf("plan: operation %d: client %d is not one of 1 to %d", i, op.Client, p.Clients)
		case op.Key == "":
			return fmt.Errorf("plan: operation %d: the key is empty", i)
		case op.Kind.CarriesValue() && values[op.Value]:
			return fmt.Errorf("plan: operation %d: value %q is written twice: values must be unique", i, op.Value)
		case op.At < 0 || i > 0 && op.At < p.Operations[i-1].At:
			return fmt.Errorf("plan: operation %d is out of order in time", i)
		}
		values[op.Value] = true
		if err := op.checkSeveral(values); err != nil {
			return fmt.Errorf("plan: operation %d: %w", i, err)
		}
	}
	for i := range p.Faults {
		if err := p.checkFault(i); err != nil {
			return err
		}
	}
	return nil
}

// lost is how many nodes do not come back, or may lose their copy of the data: at most so
// many, since a fault that aims at the leader may find it in one of the others.
func (p *Plan) lost() int {
	lost := make(map[int]bool)
	leaders := 0
	for _, n := range p.StayDead {
		lost[n] = true
	}
	for i := range p.Faults {
		switch f := &p.Faults[i]; {
		case f.Kind != HangDisk && !f.Kind.Loses():
		case f.Leader:
			leaders++
		case len(f.Targets) > 0:
			lost[f.Targets[0]] = true
		}
	}
	return len(lost) + leaders
}

func (s *Sharding) check() error {
	switch {
	case s.Partitions < 1 || s.Partitions > maxPartitions:
		return fmt.Errorf("plan: %d partitions, allowed are 1 to %d", s.Partitions, maxPartitions)
	case s.Replicas < 1 || s.Replicas > MaxNodes:
		return fmt.Errorf("plan: %d replicas, allowed are 1 to %d", s.Replicas, MaxNodes)
	case s.ReportEvery <= 0 || s.DeadAfter < 4*s.ReportEvery || s.FlapDamping < 0 || s.QuiesceAfter < 0 || s.MaxMoves < 1:
		return fmt.Errorf("plan: sharding: report_every must be positive, dead_after at least four times that, max_moves at least 1, " +
			"and no time negative")
	}
	return nil
}

func (s *Settings) check() error {
	switch {
	case s.LeaseReads && s.NoCheckQuorum:
		return fmt.Errorf("plan: leases need check-quorum")
	case s.MaxClockDrift < 0 || s.MaxClockDrift > netsim.MaxDrift:
		return fmt.Errorf("plan: a clock drift of %d parts per million, allowed are 0 to %d", s.MaxClockDrift, netsim.MaxDrift)
	case s.ApplyDelay < 0:
		return fmt.Errorf("plan: apply_delay must not be negative")
	case s.CompactBytes < 0 || s.SnapshotChunkBytes < 0 || s.SnapshotWindow < 0:
		return fmt.Errorf("plan: compact_bytes, snapshot_chunk_bytes and snapshot_window must not be negative")
	}
	for i, priority := range s.Priorities {
		if priority < 0 || priority > 255 {
			return fmt.Errorf("plan: node %d has priority %d, allowed are 0 to 255", i+1, priority)
		}
	}
	return nil
}

func (p *Plan) checkFault(i int) error {
	f := &p.Faults[i]
	if !f.Kind.known() {
		return fmt.Errorf("plan: fault %d: kind %q is not known", i, f.Kind)
	}
	if f.At < 0 || f.For < 0 || i > 0 && f.At < p.Faults[i-1].At {
		return fmt.Errorf("plan: fault %d is out of order in time", i)
	}
	switch {
	case f.Kind.Places() && !p.Sharded(), f.Kind.Changes() && !f.Kind.Places() && p.Sharded():
		return fmt.Errorf("plan: fault %d (%s) is not for this kind of cluster, with or without partitions", i, f.Kind)
	case f.Kind.needsTarget() && len(f.Targets) == 0:
		return fmt.Errorf("plan: fault %d (%s) has no target", i, f.Kind)
	case f.Kind == Replace && len(f.Targets) < 2:
		return fmt.Errorf("plan: fault %d (%s) needs the node to remove and the one to add", i, f.Kind)
	case f.Kind.OnClient() && (f.Param < 1 || f.Param > int64(p.Clients)):
		return fmt.Errorf("plan: fault %d (%s): client %d is not one of 1 to %d", i, f.Kind, f.Param, p.Clients)
	case f.Kind == Misdirect && f.Param == 0:
		return fmt.Errorf("plan: fault %d (%s) needs a distance in bytes", i, f.Kind)
	case (f.Kind == Throttle || f.Kind == SlowProcess) && f.Param < 1:
		return fmt.Errorf("plan: fault %d (%s) needs a positive parameter: bytes a second, or microseconds", i, f.Kind)
	case f.Kind == ClockDrift && (f.Param > netsim.MaxDrift || f.Param < -netsim.MaxDrift):
		return fmt.Errorf("plan: fault %d (%s): %d parts per million, allowed are up to %d", i, f.Kind, f.Param, netsim.MaxDrift)
	}
	for _, t := range f.Targets {
		if t < 1 || t > p.Machines() {
			return fmt.Errorf("plan: fault %d: node %d is not one of 1 to %d", i, t, p.Machines())
		}
	}
	return nil
}
