package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
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
	return p, nil
}

// Limits of a plan, so that a file cannot ask for the impossible.
const (
	MaxNodes   = 9
	MaxClients = 64
)

// Validate says what is wrong with a plan.
func (p *Plan) Validate() error {
	switch {
	case p.Version != Version:
		return fmt.Errorf("plan: format version %d, this program understands %d", p.Version, Version)
	case p.Nodes < 1 || p.Nodes > MaxNodes:
		return fmt.Errorf("plan: %d nodes, allowed are 1 to %d", p.Nodes, MaxNodes)
	case p.Clients < 1 || p.Clients > MaxClients:
		return fmt.Errorf("plan: %d clients, allowed are 1 to %d", p.Clients, MaxClients)
	case p.HealAt < 0:
		return fmt.Errorf("plan: heal_at is negative")
	}
	if lost := len(p.StayDead) + p.count(HangDisk); lost > 0 && 2*lost >= p.Nodes {
		return fmt.Errorf("plan: %d of %d nodes do not come back: a majority must", lost, p.Nodes)
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
	}
	for i := range p.Faults {
		if err := p.checkFault(i); err != nil {
			return err
		}
	}
	return nil
}

// count is the number of faults of a kind.
func (p *Plan) count(k FaultKind) int {
	n := 0
	for i := range p.Faults {
		if p.Faults[i].Kind == k {
			n++
		}
	}
	return n
}

func (p *Plan) checkFault(i int) error {
	f := &p.Faults[i]
	if f.Kind != HangDisk && !slices.Contains(allKinds, f.Kind) {
		return fmt.Errorf("plan: fault %d: kind %q is not known", i, f.Kind)
	}
	if f.At < 0 || f.For < 0 || i > 0 && f.At < p.Faults[i-1].At {
		return fmt.Errorf("plan: fault %d is out of order in time", i)
	}
	needsTarget := f.Kind != Blackout && f.Kind != Ring && f.Kind != Bridge
	if needsTarget && len(f.Targets) == 0 {
		return fmt.Errorf("plan: fault %d (%s) has no target", i, f.Kind)
	}
	for _, t := range f.Targets {
		if t < 1 || t > p.Nodes {
			return fmt.Errorf("plan: fault %d: node %d is not one of 1 to %d", i, t, p.Nodes)
		}
	}
	return nil
}
