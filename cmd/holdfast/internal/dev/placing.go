package dev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/cluster"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/shell"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const (
	// joinTime bounds the wait for a node that joins, moveTime that for partitions that move, and stillTime how long
	// nothing may move meanwhile.
	joinTime  = 30 * time.Second
	moveTime  = 5 * time.Minute
	stillTime = 30 * time.Second
	// mostNodes bounds the nodes of one process, with those that joined.
	mostNodes = 16
)

// placing are the words about where things are: who leads, and, where there are partitions, who holds what.
func (c *Cluster) placing() []shell.Command {
	if !c.Sharded() {
		return []shell.Command{
			{Name: "TRANSFER", Usage: "[N]", Help: "hand the leadership over to node N, or to the best of the others", Min: 0, Max: 1, Run: c.transfer},
			{Name: "JOIN", Hidden: true, Max: -1, Run: onlySharded},
			{Name: "DRAIN", Hidden: true, Max: -1, Run: onlySharded},
			{Name: "UNDRAIN", Hidden: true, Max: -1, Run: onlySharded},
			{Name: "REMOVE", Hidden: true, Max: -1, Run: onlySharded},
			{Name: "PLACEMENT", Hidden: true, Max: -1, Run: onlySharded},
		}
	}
	return []shell.Command{
		{Name: "JOIN", Help: "start one more node; partitions move to it by themselves", Least: joinTime, Run: c.join},
		{Name: "DRAIN", Usage: "N", Help: "bring all that node N holds to the others", Min: 1, Max: 1, Least: moveTime, Run: c.drain},
		{Name: "UNDRAIN", Usage: "N", Help: "take a drained node back into use", Min: 1, Max: 1, Run: c.undrain},
		{Name: "REMOVE", Usage: "N [FORCE]", Help: "drain node N, and remove it for ever; FORCE if it is dead", Min: 1, Max: 2, Least: moveTime, Run: c.remove},
		{Name: "PLACEMENT", Help: "show the partitions: where they are, who leads, what moves", Run: c.placement},
		{Name: "TRANSFER", Hidden: true, Max: -1, Run: leadersFollow},
	}
}

func onlySharded(context.Context, *shell.Session, []string) error {
	return exit.With(exit.Denied, errors.New("this cluster has no partitions: it is one group"),
		"start another one, as in `holdfast dev --partitions 16 --ephemeral`")
}

func leadersFollow(context.Context, *shell.Session, []string) error {
	return exit.With(exit.Denied, errors.New("each partition has a leader of its own, which follows the placement: the first of its nodes that can leads"),
		"PLACEMENT shows who leads what; DRAIN N takes everything off a node, KILL N shows how others take over")
}

// mover moves partitions, and says on the error stream how far it is.
func (c *Cluster) mover(s *shell.Session) (*cluster.Mover, func()) {
	say, end := cluster.Follow(s.Streams)
	return &cluster.Mover{Endpoints: c.Endpoints(), Patience: stillTime, Say: say}, end
}

// join starts one more node and waits until the cluster knows it (DEV-4).
func (c *Cluster) join(ctx context.Context, s *shell.Session, _ []string) error {
	if len(c.members) >= mostNodes {
		return exit.With(exit.Denied, fmt.Errorf("there are %d nodes, and more do not belong into one process", len(c.members)), "REMOVE one first")
	}
	id := c.mark.next()
	c.mark.Joining = id
	if err := writeMarker(c.dir, c.mark); err != nil {
		return err
	}
	if c.servers[id] == nil {
		c.members[id] = c.addressOf(id)
		c.cut.Add(id, c.members[id])
		if err := c.StartNode(id); err != nil {
			delete(c.members, id)
			return err
		}
	}
	if err := c.awaitJoined(ctx, s, id); err != nil {
		return err
	}
	c.mark.Joined, c.mark.Joining = append(c.mark.Joined, id), 0
	if err := writeMarker(c.dir, c.mark); err != nil {
		return err
	}
	return s.Answer(fmt.Sprintf("Node %d joined at %s; PLACEMENT shows what moves to it", id, c.members[id]), c.row(ctx, id))
}

func (c *Cluster) awaitJoined(ctx context.Context, s *shell.Session, id env.NodeID) error {
	m, end := c.mover(s)
	defer end()
	for {
		p, err := m.Ask(ctx)
		if err == nil && slices.ContainsFunc(p.Nodes, func(n cluster.PlacedNode) bool { return n.Node == uint64(id) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return exit.With(exit.Unknown, fmt.Errorf("node %d runs, and is not part of the cluster yet", id),
				"a majority of the metadata group must run and be connected (NODES); JOIN again waits for it")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *Cluster) drain(ctx context.Context, s *shell.Session, args []string) error {
	id, err := c.number(args[0])
	if err != nil {
		return err
	}
	m, end := c.mover(s)
	defer end()
	if err := m.Drain(ctx, uint64(id)); err != nil {
		return err
	}
	end()
	return s.Answer(fmt.Sprintf("Node %d is drained: it holds nothing any more", id), c.row(ctx, id))
}

func (c *Cluster) undrain(ctx context.Context, s *shell.Session, args []string) error {
	id, err := c.number(args[0])
	if err != nil {
		return err
	}
	m, end := c.mover(s)
	defer end()
	err = m.Manage(ctx, fmt.Sprintf("undrain node %d", id), &kvpb.ManageNodeRequest{Node: uint64(id), Action: kvpb.NodeAction_UNDRAIN})
	if err != nil {
		return err
	}
	return s.Answer(fmt.Sprintf("Node %d is in use; PLACEMENT shows what moves to it", id), c.row(ctx, id))
}

func (c *Cluster) remove(ctx context.Context, s *shell.Session, args []string) error {
	id, err := c.number(args[0])
	if err != nil {
		return err
	}
	force := len(args) == 2
	if force && !strings.EqualFold(args[1], "force") {
		return exit.Usagef("example: REMOVE 4 FORCE", "%s is not FORCE", style.Bytes([]byte(args[1])))
	}
	m, end := c.mover(s)
	defer end()
	if err := m.Remove(ctx, uint64(id), force); err != nil {
		return err
	}
	end()
	c.mark.Removed = append(c.mark.Removed, id)
	if err := writeMarker(c.dir, c.mark); err != nil {
		return err
	}
	if c.servers[id] != nil {
		err = c.StopNode(ctx, id)
	}
	row := c.row(ctx, id)
	row.State = "removed"
	delete(c.members, id)
	delete(c.stopped, id)
	return errors.Join(err, s.Answer(fmt.Sprintf("Node %d is removed, and stopped", id), row))
}

func (c *Cluster) placement(ctx context.Context, s *shell.Session, _ []string) error {
	m, end := c.mover(s)
	defer end()
	p, err := m.Ask(ctx)
	switch {
	case err != nil:
		return err
	case s.Format == style.JSON:
		return s.Answer("", p)
	}
	return errors.Join(p.PrintPartitions(s.Streams.Out, false), p.PrintProgress(s.Streams.Out))
}

func (c *Cluster) transfer(ctx context.Context, s *shell.Session, args []string) error {
	var to env.NodeID
	if len(args) == 1 {
		var err error
		if to, err = c.node(ctx, args[0], true); err != nil {
			return err
		}
	}
	from, err := c.node(ctx, "leader", true)
	if err != nil {
		return err
	}
	resp, err := c.HandOver(ctx, from, to)
	switch {
	case err != nil:
		return exit.With(exit.Failure, fmt.Errorf("cannot ask node %d to hand over: %w", from, err), "NODES shows the nodes")
	case resp.Code == kvpb.Code_INVALID:
		return exit.With(exit.Denied, errors.New(resp.Message), "NODES shows the nodes")
	case resp.Code != kvpb.Code_OK:
		return exit.With(exit.NotApplied, errors.New(resp.Message), "NODES shows who leads; try again")
	}
	leader := env.NodeID(resp.LeaderNode)
	return s.Answer(fmt.Sprintf("Node %d leads now", leader), c.row(ctx, leader))
}
