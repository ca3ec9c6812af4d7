package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/server"
)

// The values of --new.
const (
	freshAuto = "auto"
	freshYes  = "yes"
	freshNo   = "no"
)

// mayBeEmpty decides whether an empty data directory is taken for that of a new
// node (SERVE-2). It asks the other members only where the directory is empty.
func (o *options) mayBeEmpty(ctx context.Context, cfg server.Config) (bool, error) {
	switch o.fresh {
	case freshYes:
		return true, nil
	case freshNo:
		return false, nil
	case freshAuto:
	default:
		return false, exit.Usagef("use --new=yes, --new=no or --new=auto", "--new %q is not known", o.fresh)
	}
	if o.rejoin || len(o.join) > 0 || hasData(o.data) {
		return false, nil
	}
	if len(o.peers) == 0 {
		return false, exit.With(exit.Failure,
			fmt.Errorf("the data directory %s of node %d is empty, and nothing says which cluster the node is of", o.data, o.id),
			"check --data and that the disk is mounted. To begin a cluster name its first nodes with --peers; to become a member of one that runs use "+
				"--join, and --rejoin as well if the node is a member that lost its data; --new begins a cluster of this node alone")
	}
	var others []string
	for id, address := range cfg.Members {
		if id != cfg.Node {
			others = append(others, address)
		}
	}
	for _, r := range askAll(ctx, others) {
		if r.Status == nil || r.Status.Cluster != server.ClusterID(o.cluster) {
			continue
		}
		if evidence, next := evidenceIn(r.Status, cfg.Node); evidence != "" {
			return false, exit.With(exit.Failure, fmt.Errorf("the data directory %s of node %d is empty, but the cluster is at work and %s", o.data, o.id, evidence), next)
		}
	}
	return true, nil
}

// askAll asks nodes for their status, all at once.
func askAll(ctx context.Context, addresses []string) []store.NodeReport {
	reports := make([]store.NodeReport, len(addresses))
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() {
			status, err := store.AskNode(ctx, address)
			reports[i] = store.NodeReport{Endpoint: address, Status: status, Err: err}
		})
	}
	asked.Wait()
	return reports
}

// firstTerm is the term of the first leader of a cluster: its first entry, on which all first nodes agree, has the
// term before.
const firstTerm = 2

// evidenceIn is what a member knows that speaks against the node being new, and what to do: that it has acknowledged
// entries, that it was added later, that there was more than one leader, of which the node may have
// been one; or that it is no member. It is empty if there is none.
func evidenceIn(status *kvpb.NodeStatus, self env.NodeID) (evidence, next string) {
	const lost = "check --data and that the disk is mounted. If the data is lost, start the node with --rejoin: the others replace it by a new " +
		"replica, as it forgot its votes and acknowledgements. Only if it never ran before, start it once with --new"
	if is, known := memberIn(status, uint64(self)); known && !is {
		return fmt.Sprintf("node %d says that this node is no member of it", status.Node),
			"start it with --join instead of --peers, and add it with `holdfast cluster add`"
	}
	for _, g := range status.Groups {
		for _, m := range g.Configuration {
			if m.Node == uint64(self) && m.Generation > 0 {
				return fmt.Sprintf("this node may have been part of it: node %d says that it was added in generation %d", status.Node, m.Generation), lost
			}
		}
		if g.Commit > 0 && g.Term > firstTerm {
			return fmt.Sprintf("this node may have been part of it: node %d is in term %d with %d entries committed", status.Node, g.Term, g.Commit), lost
		}
		for _, p := range g.Peers {
			if p.Node == uint64(self) && p.Match > 0 {
				return fmt.Sprintf("this node may have been part of it: node %d has seen it acknowledge entries up to %d", status.Node, p.Match), lost
			}
		}
	}
	return "", ""
}

// hasData tells whether there is anything in a directory. What cannot be read
// counts as data, so that opening it gives the error.
func hasData(dir string) bool {
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	for _, n := range names {
		if n.Name() != "lost+found" {
			return true
		}
	}
	return err != nil
}
