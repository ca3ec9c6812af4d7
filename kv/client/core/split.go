package core

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
)

// maxReadBytes bounds the values that one request of a MultiGet may ask for: a node refuses
// to answer with more (kv/machine, maxResult).
const maxReadBytes = 32 << 20

// split is a MultiGet or MultiPut on its way: what of it goes where, and how its items ended.
type split struct {
	shares []share
	// begun counts the shares that are under way or have ended, and open are those under way.
	begun int
	open  []*op
	items []ItemResult
	// first is the error of the first part that ended Unknown, or else Failed.
	first *Error
	// result has what the parts have together, and sent counts their attempts.
	result Result
	sent   int
}

// share is what one request carries: items by their numbers, all of one group.
type share struct {
	group *group
	items []int
}

// splitUp begins with a MultiGet or MultiPut. From here on its parts count as under way,
// not the operation itself; they get under way as others end.
func (c *Core) splitUp(now env.Instant, o *op) {
	o.split = &split{shares: c.shares(now, o), items: make([]ItemResult, len(o.spec.Items))}
	o.active = false
	c.active--
	c.hold(o, splitting)
}

// shares divides the items by group, in their order, each share as much as one request may carry.
func (c *Core) shares(now env.Instant, o *op) []share {
	groups := make([]*group, len(o.spec.Items))
	order := make([]int, len(groups))
	for i := range groups {
		groups[i], order[i] = c.groupOf(now, o.spec.Items[i].Key), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(groups[a].id, groups[b].id) })
	limit := c.cfg.MaxBatch
	if o.read && c.cfg.MaxValue > 0 {
		limit = min(limit, max(maxReadBytes/c.cfg.MaxValue, 1))
	}
	var shares []share
	size := 0
	for _, i := range order {
		it := &o.spec.Items[i]
		last := len(shares) - 1
		size += itemBytes(it)
		if last < 0 || shares[last].group != groups[i] || len(shares[last].items) == limit || size > maxBatchBytes {
			shares = append(shares, share{group: groups[i]})
			size, last = itemBytes(it), last+1
		}
		shares[last].items = append(shares[last].items, i)
	}
	return shares
}

// beginPart sends the next share of the operation.
func (c *Core) beginPart(now env.Instant, parent *op) {
	s := parent.split
	share := &s.shares[s.begun]
	spec := Op{Kind: Batch, Stale: parent.spec.Stale, Follower: parent.spec.Follower, NoSession: parent.spec.NoSession}
	spec.Items = make([]Item, len(share.items))
	for i, at := range share.items {
		spec.Items[i] = parent.spec.Items[at]
		if parent.read {
			spec.Items[i] = Item{Kind: Get, Key: spec.Items[i].Key}
		}
	}
	o := c.newOp(rolePart)
	o.spec, o.read, o.deadline = spec, parent.read, parent.deadline
	o.parent, o.share, o.group = parent, s.begun, share.group
	s.begun++
	s.open = append(s.open, o)
	if s.begun == len(s.shares) {
		c.hold(parent, gathering)
	}
	o.active = true
	c.active++
	c.dispatch(now, o)
}

// partEnded notes how the items of a part ended, and ends the operation with the last one.
func (c *Core) partEnded(parent, o *op, done *Completion) {
	s := parent.split
	s.open = slices.DeleteFunc(s.open, func(p *op) bool { return p == o })
	s.sent += o.attempts
	s.note(o.share, done)
	if s.begun == len(s.shares) && len(s.open) == 0 {
		c.gathered(parent)
	}
}

// note sets the results of the items of a share.
func (s *split) note(share int, done *Completion) {
	r := &done.Result
	for i, at := range s.shares[share].items {
		it := ItemResult{Outcome: done.Outcome}
		if i < len(r.Items) {
			it = r.Items[i]
			it.Outcome = done.Outcome
		}
		if done.Err != nil {
			it.Err = done.Err
		}
		it.Partition, it.Index, it.Node = r.Partition, r.Index, r.Node
		s.items[at] = it
	}
	s.result.Lag = max(s.result.Lag, r.Lag)
	s.result.Duplicate = s.result.Duplicate || r.Duplicate
	if done.Err != nil && (s.first == nil || s.first.Outcome == Failed && done.Outcome == Unknown) {
		s.first = done.Err
	}
}

// gathered ends an operation all parts of which have ended. It is OK if they all are, and a
// MultiPut is Failed only if none of it was or will be applied.
func (c *Core) gathered(parent *op) {
	s := parent.split
	s.result.Items, s.result.ItemResult = s.items, s.items[0]
	done := Completion{Outcome: OK, Result: s.result}
	if s.first != nil {
		var n [Unknown + 1]int
		for i := range s.items {
			n[s.items[i].Outcome]++
		}
		err := *s.first
		err.Outcome, err.Attempts = Failed, s.sent
		if !parent.read && n[Failed] < len(s.items) {
			err.Outcome = Unknown
		}
		if n[Failed] < len(s.items) && n[Unknown] < len(s.items) {
			about := fmt.Sprintf("of %d items %d ended ok, %d failed and %d are unknown, as the result of each item tells",
				len(s.items), n[OK], n[Failed], n[Unknown])
			if err.Message != "" {
				about += "; one of them: " + err.Message
			}
			err.Message = about
		}
		done.Outcome, done.Err = err.Outcome, &err
	}
	c.finish(parent, done)
}

// giveUpParts ends what is not ended of an operation that was split.
func (c *Core) giveUpParts(now env.Instant, parent *op, reason Reason, message string) {
	s := parent.split
	for share := s.begun; share < len(s.shares); share++ {
		done := Completion{Outcome: Failed, Err: c.errorOf(parent, Failed, reason, message)}
		s.note(share, &done)
	}
	s.begun = len(s.shares)
	if len(s.open) == 0 {
		c.gathered(parent)
		return
	}
	for _, o := range slices.Clone(s.open) {
		why := message
		if reason == ReasonDeadline {
			why = c.deadlineMessage(o)
		}
		c.giveUp(now, o, reason, why)
	}
}
