package serve

import (
	"context"
	"errors"
	"fmt"
	"os"

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
	if hasData(o.data) {
		return false, nil
	}
	answers := make(chan string)
	others := 0
	for id, address := range cfg.Members {
		if id == cfg.Node {
			continue
		}
		others++
		go func() { answers <- evidence(ctx, address, cfg.Node) }()
	}
	known := ""
	for range others {
		if e := <-answers; e != "" {
			known = e
		}
	}
	if known == "" {
		return true, nil
	}
	return false, exit.With(exit.Failure,
		fmt.Errorf("the data directory %s of node %d is empty, but the cluster is at work and this node may have been part of it: %s", o.data, o.id, known),
		"check --data and that the disk is mounted. If the data is lost, the node must not come back under its old id, as it would forget "+
			"its votes and acknowledgements. Only if it never ran before, start it once with --new")
}

// evidence is what a member knows that speaks against the node being new: that it
// has acknowledged entries, or that there was more than one leader, of which
// the node may have been one. It is empty if there is none or if the member does not answer.
func evidence(ctx context.Context, address string, self env.NodeID) string {
	status, err := store.AskNode(ctx, address)
	if err != nil {
		return ""
	}
	return evidenceIn(status, self)
}

func evidenceIn(status *kvpb.NodeStatus, self env.NodeID) string {
	for _, g := range status.Groups {
		if g.Commit > 0 && g.Term > 1 {
			return fmt.Sprintf("node %d is in term %d with %d entries committed", status.Node, g.Term, g.Commit)
		}
		for _, p := range g.Peers {
			if p.Node == uint64(self) && p.Match > 0 {
				return fmt.Sprintf("node %d has seen it acknowledge entries up to %d", status.Node, p.Match)
			}
		}
	}
	return ""
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
