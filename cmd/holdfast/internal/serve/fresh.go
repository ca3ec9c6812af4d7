package serve

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
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
	heard := hearAll(ctx, others)
	complete := complete(heard, cfg.Node)
	for i := range heard {
		t := &heard[i]
		if t.status == nil || t.status.Cluster != server.ClusterID(o.cluster) {
			continue
		}
		if evidence, next := evidenceIn(t, cfg.Node, complete); evidence != "" {
			return false, exit.With(exit.Failure, fmt.Errorf("the data directory %s of node %d is empty, but the cluster is at work and %s", o.data, o.id, evidence), next)
		}
	}
	return true, nil
}

// lostNext says what to do with a node whose data may be lost.
const lostNext = "check --data and that the disk is mounted. If the data is lost, start the node with --rejoin: the others replace it by a new " +
	"replica, as it forgot its votes and acknowledgements. Only if it never ran before, start it once with --new"

// evidenceIn is what a member knows that speaks against the node being new, and what to do: that it was part of the
// cluster, or is no member of it. It is empty if there is none. complete is as in partOf, and counts where there are partitions.
func evidenceIn(t *testimony, self env.NodeID, complete bool) (evidence, next string) {
	const part = "this node may have been part of it: "
	groups := t.status.Groups
	is, known := t.member(uint64(self))
	switch {
	case t.status.Sharded && t.removed(uint64(self)):
		return fmt.Sprintf("node %d says that this node was removed from it", t.status.Node), removedNext
	case t.status.Sharded && t.record(uint64(self)) != nil:
		return part + fmt.Sprintf("node %d knows it with another data directory", t.status.Node), lostNext
	case t.status.Sharded:
		// Partitions begin in logs that are known by their number. In the metadata group a founder may have a part of which the
		// table does not know yet.
		g := t.metadata()
		if groups = nil; g != nil && memberOf(g, uint64(self)) != nil {
			groups, known = []*kvpb.GroupStatus{g}, false
		}
	}
	if known && !is {
		next = "start it with --join instead of --peers"
		if !t.status.Sharded {
			next += ", and add it with `holdfast cluster add`"
		}
		return fmt.Sprintf("node %d says that this node is no member of it", t.status.Node), next
	}
	for _, g := range groups {
		if why := partOf(g, t.status.Node, self, complete && t.status.Sharded); why != "" {
			return part + why, lostNext
		}
	}
	return "", ""
}

// removedNext says what to do with a node that was removed.
const removedNext = "ids are never used again: give it another one with --id, and have it join with --join"

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
