package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Mover has partitions moved, and waits until they are: for the commands, and for `holdfast dev`.
type Mover struct {
	// Endpoints are addresses of nodes; those of further nodes are added as they become known.
	Endpoints []string
	// Patience is how long to wait while nothing gets on.
	Patience time.Duration
	// Say, if set, is told how far it is: what is news, and the whole text.
	Say func(news, text string)

	// driver is the address of the node that drives the placement, as far as known.
	driver string
	// pause lies between two looks.
	pause time.Duration
}

// asker is a Mover that only asks.
func (s *commands) asker() *Mover {
	return &Mover{Endpoints: slices.Clone(s.endpoints), pause: s.pause}
}

// lookEvery is how often the placement is looked at; the driver hears from the nodes about every second.
const lookEvery = 500 * time.Millisecond

// Manage changes what a node is to hold, and returns when that is recorded.
func (m *Mover) Manage(ctx context.Context, what string, req *kvpb.ManageNodeRequest) error {
	_, err := m.manage(ctx, what, req)
	return err
}

// manage also tells why the cluster refuses it, "" if it does not.
func (m *Mover) manage(ctx context.Context, what string, req *kvpb.ManageNodeRequest) (refusal string, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.Patience)
	defer cancel()
	o := newOperator(m.Endpoints)
	o.progress = func(a answer) {
		if m.Say != nil && a.message != "" && a.code != kvpb.Code_NOT_LEADER {
			m.Say(a.message, what+": "+a.message)
		}
	}
	a, err := o.run(ctx, what, managing(req))
	if a.code != kvpb.Code_INVALID {
		return "", err
	}
	return a.message, exit.With(exit.Denied, fmt.Errorf("cannot %s: %s (nothing was changed)", what, a.message), "`holdfast cluster nodes` shows the nodes and what they hold")
}

// managing makes a call of a change of a node. It is done when it is recorded.
func managing(req *kvpb.ManageNodeRequest) call {
	return func(ctx context.Context, c kvpb.ClusterClient) (answer, error) {
		resp, err := c.ManageNode(ctx, req)
		return answer{
			code: resp.GetCode(), message: store.Plainly(resp.GetMessage()), leader: resp.GetLeaderAddress(), done: resp.GetCode() == kvpb.Code_OK,
		}, err
	}
}

// Drain has all that a node holds brought elsewhere, and waits until it holds nothing.
func (m *Mover) Drain(ctx context.Context, node uint64) error {
	what := fmt.Sprintf("drain node %d", node)
	if err := m.Manage(ctx, what, &kvpb.ManageNodeRequest{Node: node, Action: kvpb.NodeAction_DRAIN}); err != nil {
		return err
	}
	return m.await(ctx, what, m.emptied(node))
}

// Remove takes a node out of the cluster for ever. It is drained first, unless, with force, it is dead.
func (m *Mover) Remove(ctx context.Context, node uint64, force bool) error {
	what := fmt.Sprintf("remove node %d", node)
	retire := &kvpb.ManageNodeRequest{Node: node, Action: kvpb.NodeAction_RETIRE, Force: force}
	// It may have been removed, or be empty, already.
	refusal, err := m.manage(ctx, what, retire)
	if refusal == "" || force {
		return err
	}
	if err := m.Manage(ctx, what, &kvpb.ManageNodeRequest{Node: node, Action: kvpb.NodeAction_DRAIN}); err != nil {
		return err
	}
	if err := m.await(ctx, what, m.emptied(node)); err != nil {
		return err
	}
	// The driver sees more than it tells, such as a replica that is still on its way out.
	return m.await(ctx, what, func(ctx context.Context) (bool, look, error) {
		refusal, err := m.manage(ctx, what, retire)
		if refusal != "" {
			text := fmt.Sprintf("node %d is empty, and not removed yet: %s", node, refusal)
			return false, look{news: text, text: text, pace: text}, nil
		}
		return err == nil, look{}, err
	})
}

// look is what is seen of something that is waited for.
type look struct {
	// pace changes when it gets on.
	pace string
	// news and text are for people; see Mover.Say.
	news, text string
}

// await looks until it is done, until ctx ends, or until nothing has changed for long (CLUS-2, CLUS-5). An error of
// done ends it, unless it is only that nobody could tell.
func (m *Mover) await(ctx context.Context, what string, done func(context.Context) (bool, look, error)) error {
	patient := newPatience(m.Patience)
	last := "nobody told yet"
	for {
		over, seen, err := done(ctx)
		switch {
		case err == nil && over:
			return nil
		case err != nil && exit.Code(err) != exit.NotApplied && ctx.Err() == nil:
			return err
		case err != nil:
			last, _, _ = strings.Cut(err.Error(), "\n")
		default:
			patient.note(seen.pace)
			last = seen.text
			if m.Say != nil {
				m.Say(seen.news, seen.text)
			}
		}
		const next = "what has begun goes on by itself; the same command again, as often as you like, waits for it; `holdfast cluster status` shows what is in the way"
		select {
		case <-ctx.Done():
			ended := "before it was interrupted"
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				ended = "in time"
			}
			return exit.With(exit.Unknown, fmt.Errorf("it is not known to be done %s: %s; %s", ended, what, last), next)
		case <-time.After(m.interval()):
		}
		if patient.over() {
			return exit.With(exit.Unknown, fmt.Errorf("cannot %s at the moment: nothing has moved for %v; %s", what, m.Patience, last), next)
		}
	}
}

func (m *Mover) interval() time.Duration {
	if m.pause == 0 {
		return lookEvery
	}
	return m.pause
}
