package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Ask returns where partitions are and are to be: what the node says that drives the placement, or else what
// another one knows.
func (m *Mover) Ask(ctx context.Context) (*Placement, error) {
	if m.driver != "" {
		if r, err := store.AskPlacement(ctx, m.driver); err == nil && r.Driver {
			return m.learn(r), nil
		}
		m.driver = ""
	}
	answers := m.askAll(ctx, m.Endpoints)
	if best := pick(answers); best != nil && !best.resp.Driver {
		// The node that drives may be none of the endpoints.
		answers = append(answers, m.askAll(ctx, hints(answers))...)
	}
	best := pick(answers)
	if best == nil {
		return nil, m.untold(ctx, answers)
	}
	if best.resp.Driver {
		m.driver = best.address
	}
	return m.learn(best.resp), nil
}

// placed is what a node answered to the question for the placement.
type placed struct {
	address string
	resp    *kvpb.PlacementResponse
	err     error
}

func (m *Mover) askAll(ctx context.Context, addresses []string) []placed {
	answers := make([]placed, len(addresses))
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() {
			resp, err := store.AskPlacement(ctx, address)
			answers[i] = placed{address, resp, err}
		})
	}
	asked.Wait()
	return answers
}

// pick returns the answer that tells most: of those of a driver the newest, else the newest; nil if there is none.
func pick(answers []placed) *placed {
	var best *placed
	for i := range answers {
		a := &answers[i]
		switch {
		case a.err != nil || a.resp.Code != kvpb.Code_OK:
		case best == nil,
			a.resp.Driver && !best.resp.Driver,
			a.resp.Driver == best.resp.Driver && a.resp.TableVersion > best.resp.TableVersion:
			best = a
		}
	}
	return best
}

// hints are where the driver is, as those say that answered, and have not been asked themselves.
func hints(answers []placed) []string {
	var out []string
	for _, a := range answers {
		hint := a.resp.GetLeaderAddress()
		asked := slices.ContainsFunc(answers, func(b placed) bool { return b.address == hint })
		if hint != "" && !asked && !slices.Contains(out, hint) {
			out = append(out, hint)
		}
	}
	return out
}

// learn notes where else one can ask, should the endpoints leave the cluster on the way.
func (m *Mover) learn(r *kvpb.PlacementResponse) *Placement {
	for _, n := range r.Nodes {
		if n.Address != "" && !slices.Contains(m.Endpoints, n.Address) {
			m.Endpoints = append(m.Endpoints, n.Address)
		}
	}
	return placementOf(r)
}

// untold says why nobody could answer.
func (m *Mover) untold(ctx context.Context, answers []placed) error {
	var why []string
	for _, a := range answers {
		if a.err != nil {
			why = append(why, fmt.Sprintf("%s: %v", a.address, a.err))
			continue
		}
		why = append(why, fmt.Sprintf("%s: %s", a.address, store.Plainly(a.resp.Message)))
		if is, err := store.AskNode(ctx, a.address); err == nil && !is.Sharded {
			return exit.With(exit.Denied, fmt.Errorf("cluster %s has no partitions: it is one group", is.ClusterName), oneGroupHas)
		}
	}
	return exit.With(exit.NotApplied, errors.New("no node could tell where the partitions are: "+strings.Join(why, "; ")),
		"`holdfast status` shows which nodes answer; --endpoints names others")
}
