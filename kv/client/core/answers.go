package core

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Response hands in an answer from an endpoint. Answers to attempts that are not
// known (any more) are ignored.
func (c *Core) Response(now env.Instant, ep int, resp *kvpb.Response) {
	if ep < 0 || ep >= len(c.endpoints) || resp == nil {
		return
	}
	e := &c.endpoints[ep]
	e.asked, e.shunUntil = 0, 0
	if resp.Node != 0 && resp.Node != e.node && !e.gone {
		e.node = resp.Node
		c.aims++
	}
	c.hear(ep, resp)
	o := c.lookup(resp.Id)
	if o == nil {
		return
	}
	a, current, ok := o.take(resp.Id)
	if !ok {
		return
	}
	g := o.group
	if o.role == roleTable {
		c.tableAnswered(now, o, ep, resp, current)
		c.advance(now)
		return
	}
	// A leader refuses a follower read for the same reasons as any other; only that it was
	// answered does not tell who leads.
	stale, anywhere := o.read && o.spec.Stale, o.anywhere()
	switch resp.Code {
	case kvpb.Code_OK, kvpb.Code_CONDITION_FAILED:
		c.answered(now, o, ep, resp)
		if anywhere {
			g.judge(ep, 0)
		} else {
			c.leads(now, g, ep, a.sent)
		}
	case kvpb.Code_OUTCOME_UNKNOWN:
		c.ambiguous(now, o, ep, resp, current)
	case kvpb.Code_NOT_LEADER, kvpb.Code_OVERLOADED, kvpb.Code_UNAVAILABLE, kvpb.Code_SESSION_UNKNOWN,
		kvpb.Code_SEQUENCE_TOO_OLD, kvpb.Code_WINDOW_FULL, kvpb.Code_INVALID, kvpb.Code_WRONG_PARTITION:
		if !stale {
			c.learnRefusal(now, g, ep, a.sent, resp)
		}
		c.refused(now, o, ep, resp, a, current)
	default:
		// A code from the future: nothing can be said of the effect.
		c.ambiguous(now, o, ep, resp, current)
	}
	c.advance(now)
}

// answered ends the operation with the answer to any of its attempts.
func (c *Core) answered(now env.Instant, o *op, ep int, resp *kvpb.Response) {
	if o.own() {
		c.ownDone(now, o, resp)
		return
	}
	if o.spec.Kind == Scan {
		c.scanned(now, o, ep, resp)
		return
	}
	items := 1
	if o.spec.Kind == Batch {
		items = len(o.spec.Items)
	}
	if o.role == rolePart && resp.Code != kvpb.Code_OK {
		c.giveUp(now, o, ReasonBadAnswer, fmt.Sprintf("%s to a request without conditions", resp.Code))
		return
	}
	if o.read && (resp.Code != kvpb.Code_OK || len(resp.Results) != items) {
		c.giveUp(now, o, ReasonBadAnswer, fmt.Sprintf("%s with %d results to a read of %d keys", resp.Code, len(resp.Results), items))
		return
	}
	if s := &o.group.sess; o.seq != 0 && o.session == s.id {
		s.used = now
		c.schedule(o.group)
	}
	c.finish(o, Completion{Outcome: OK, Result: resultOf(ep, o, resp)})
}

func (c *Core) scanned(now env.Instant, o *op, ep int, resp *kvpb.Response) {
	r := resultOf(ep, o, resp)
	message := fmt.Sprintf("%s to a scan", resp.Code)
	if resp.Code == kvpb.Code_OK {
		message = c.page(o, &r, resp)
	}
	if message != "" {
		c.giveUp(now, o, ReasonBadAnswer, message)
		return
	}
	c.finish(o, Completion{Outcome: OK, Result: r})
}

func resultOf(ep int, o *op, resp *kvpb.Response) Result {
	r := Result{
		ConditionFailed: resp.Code == kvpb.Code_CONDITION_FAILED,
		Partition:       resp.Partition, Index: resp.Index, Lag: time.Duration(resp.LagMs) * time.Millisecond,
		Duplicate: resp.Duplicate, Endpoint: ep, Node: resp.Node,
	}
	if o.spec.Kind == Batch {
		r.Items = make([]ItemResult, len(resp.Results))
		for i, p := range resp.Results {
			r.Items[i] = itemResult(p)
		}
	}
	if len(resp.Results) > 0 {
		r.ItemResult = itemResult(resp.Results[0])
	}
	return r
}

func itemResult(p *kvpb.OpResult) ItemResult {
	return ItemResult{Found: p.GetFound(), Applied: p.GetApplied(), Version: p.GetVersion(), Value: p.GetValue()}
}

// ambiguous handles an answer that leaves the attempt unsettled for ever.
func (c *Core) ambiguous(now env.Instant, o *op, ep int, resp *kvpb.Response, current bool) {
	o.forgotten++
	o.note(ep, resp)
	if !current {
		return
	}
	if !o.repeatable() {
		c.giveUp(now, o, ReasonUnknown, resp.Message)
		return
	}
	c.backOff(now, o, true)
}

// refused handles an answer that settles the attempt: it changed nothing.
func (c *Core) refused(now env.Instant, o *op, ep int, resp *kvpb.Response, a attempt, current bool) {
	if resp.Code == kvpb.Code_SESSION_UNKNOWN {
		c.refusedSession(now, o, ep, resp, a, current)
		return
	}
	if !current {
		return // a later attempt decides
	}
	o.note(ep, resp)
	if resp.Code == kvpb.Code_WRONG_PARTITION {
		c.routes.failing = true
	}
	switch resp.Code {
	case kvpb.Code_NOT_LEADER, kvpb.Code_WRONG_PARTITION, kvpb.Code_UNAVAILABLE:
		if o.anywhere() {
			c.unfit(now, o, ep)
			return
		}
	}
	switch resp.Code {
	case kvpb.Code_NOT_LEADER, kvpb.Code_WRONG_PARTITION:
		o.shun = ep + 1
		if l := o.group.leader.ep; l >= 0 && l != ep && c.endpoints[l].connected {
			c.again(now, o)
			return
		}
		if c.sharded() && resp.Code == kvpb.Code_WRONG_PARTITION {
			c.again(now, o) // others have that partition
			return
		}
		c.backOff(now, o, true)
	case kvpb.Code_UNAVAILABLE:
		o.shun = ep + 1
		c.backOff(now, o, true)
	case kvpb.Code_INVALID:
		if o.own() {
			c.ownDone(now, o, resp)
			return
		}
		c.giveUp(now, o, ReasonInvalid, resp.Message)
	case kvpb.Code_SEQUENCE_TOO_OLD:
		if o.own() || o.seq == 0 {
			c.backOff(now, o, false)
			return
		}
		c.giveUp(now, o, ReasonTooOld, resp.Message)
	default: // OVERLOADED, WINDOW_FULL: the right endpoint at the wrong time
		c.backOff(now, o, false)
	}
}

// unfit tries the next endpoint with a read that any may answer, and leaves the one that could
// not out of the rotation for a while: it may be without a leader, or no member.
func (c *Core) unfit(now env.Instant, o *op, ep int) {
	o.group.judge(ep, now.Add(c.cfg.AttemptTimeout))
	o.shun = ep + 1
	c.again(now, o)
}

func (c *Core) refusedSession(now env.Instant, o *op, ep int, resp *kvpb.Response, a attempt, current bool) {
	keeping := o.role == roleKeepAlive
	c.loseSession(now, o.group, a.session) // forgets a keep-alive, and may end o unless current
	if keeping || !current {
		return
	}
	o.note(ep, resp)
	switch {
	case a.session != 0:
		c.again(now, o)
	case o.own():
		c.backOff(now, o, false) // it makes no sense, but nobody waits for this very answer
	default:
		c.giveUp(now, o, ReasonBadAnswer, "an unknown session for a request without one")
	}
}

// note remembers the answer for the error text.
func (o *op) note(ep int, resp *kvpb.Response) {
	o.lastCode, o.lastMessage, o.lastEndpoint = resp.Code, resp.Message, ep
}
