package plan

import (
	"fmt"
	"slices"
)

// Clone returns a plan that shares nothing with this one.
func (p *Plan) Clone() *Plan {
	c := *p
	c.Settings.Priorities = slices.Clone(p.Settings.Priorities)
	c.StayDead = slices.Clone(p.StayDead)
	c.Operations = slices.Clone(p.Operations)
	for i := range c.Operations {
		c.Operations[i].Also = slices.Clone(c.Operations[i].Also)
	}
	c.Faults = slices.Clone(p.Faults)
	for i := range c.Faults {
		c.Faults[i].Targets = slices.Clone(c.Faults[i].Targets)
	}
	if p.Sharded() {
		h := *p.Sharding
		h.Weights, h.Zones = slices.Clone(h.Weights), slices.Clone(h.Zones)
		c.Sharding = &h
	}
	return &c
}

// Fair says what a plan asks of the cluster that Draw never would, though it can be executed. A correct cluster may
// fail an unfair plan, so who makes plans out of others (shrinking) keeps to fair ones.
func (p *Plan) Fair() error {
	lost := p.lost()
	for i := range p.Faults {
		if err := p.fairFault(&p.Faults[i], lost); err != nil {
			return fmt.Errorf("plan: fault %d (%s): %w", i, p.Faults[i].Kind, err)
		}
	}
	for i := range p.Operations {
		if p.Operations[i].At > p.HealAt {
			return fmt.Errorf("plan: operation %d comes after healing", i)
		}
	}
	s := &p.Settings
	if s.ElectionTimeout < 2*s.Heartbeat || s.AttemptTimeout < s.ElectionTimeout {
		return fmt.Errorf("plan: an election takes two heartbeats at least, and a client's attempt one election")
	}
	if p.Sharded() {
		return p.fairSharding(lost)
	}
	return nil
}

func (p *Plan) fairFault(f *Fault, lost int) error {
	least := 1
	switch f.Kind {
	case Ring:
		least = 4
	case Bridge:
		least = 3
	case Split, Isolate, OneWay, Clog, Swizzle, Throttle, RankLinks, TransferLeader:
		least = 2
	case HangDisk:
		least = 3
	case RemoveNode, Demote:
		least = 2*lost + 2
	case Promote:
		if p.Spares == 0 {
			least = 2*lost + 2
		}
	}
	switch {
	case p.Nodes < least:
		return fmt.Errorf("needs %d nodes", least)
	case f.Kind == HangDisk && len(p.StayDead) > 0:
		return fmt.Errorf("not beside nodes that stay dead")
	case (f.Kind == AddNode || f.Kind == Replace) && p.Spares == 0:
		return fmt.Errorf("needs a spare node")
	case f.Kind == Join && f.Targets[0] <= p.Nodes:
		return fmt.Errorf("needs a spare node as its target")
	case f.Kind == ClockDrift && p.Settings.LeaseReads && max(f.Param, -f.Param) > int64(p.Settings.MaxClockDrift):
		return fmt.Errorf("drifts beyond what leases allow for")
	}
	return nil
}

// fairSharding is about what the driver may take away by itself, or was asked to.
func (p *Plan) fairSharding(lost int) error {
	leaving, stay := 0, 1
	if lost > 0 {
		stay = 4
	}
	for i := range p.Faults {
		if k := p.Faults[i].Kind; k == Drain || k == Retire {
			leaving++
		}
	}
	h := p.Sharding
	switch {
	case leaving > 0 && p.Nodes-leaving < stay:
		return fmt.Errorf("plan: %d of %d nodes leave, %d must stay", leaving, p.Nodes, stay)
	case h.ExpectFor < 8*h.ReportEvery:
		return fmt.Errorf("plan: nodes that the cluster begins with are given up after %v, before they can report", h.ExpectFor)
	case lost > 0 && (h.DeadAfter < p.HealAt || h.ExpectFor < 4*p.HealAt):
		return fmt.Errorf("plan: the driver may give up nodes, beside those that are lost")
	}
	return nil
}
