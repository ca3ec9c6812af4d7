package dev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/shell"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
)

// commands are what the shell of a dev cluster understands beyond the usual.
func (c *Cluster) commands() []shell.Command {
	return append([]shell.Command{
		{Name: "NODES", Help: "show the nodes: what each leads and holds, sides of a cut network", Run: c.nodes},
		{Name: "STOP", Usage: "N", Help: "stop node N in order", Min: 1, Max: 1, Run: c.stop},
		{Name: "KILL", Usage: "N | LEADER", Help: "end a node as kill -9 would; LEADER is the one that leads most", Min: 1, Max: 1, Run: c.kill},
		{Name: "START", Usage: "N", Help: "start node N again with its data", Min: 1, Max: 1, Run: c.start},
		{Name: "RESTART", Usage: "N", Help: "stop node N, if it runs, and start it again", Min: 1, Max: 1, Run: c.restart},
		{Name: "PARTITION", Usage: "N ... [| N ...]", Help: "cut the network between the sides, as in PARTITION 1 | 2 3", Min: 1, Max: -1, Run: c.partition},
		{Name: "HEAL", Help: "make the network whole", Run: c.heal},
	}, c.placing()...)
}

// node reads the number of a node, which must run or not as wanted.
func (c *Cluster) node(ctx context.Context, word string, running bool) (env.NodeID, error) {
	if running && strings.EqualFold(word, "leader") {
		if id := c.leader(ctx); id != 0 {
			return id, nil
		}
		return 0, exit.With(exit.NotApplied, errors.New("no node leads"), "NODES shows the nodes; START one that is down, or HEAL the network")
	}
	id, err := c.number(word)
	if err != nil {
		return 0, err
	}
	up := c.servers[id] != nil
	switch {
	case up && !running:
		return 0, exit.Usagef("NODES shows the nodes", "node %d runs already", id)
	case !up && running:
		return 0, exit.Usagef(fmt.Sprintf("START %d starts it", id), "node %d does not run", id)
	}
	return id, nil
}

func (c *Cluster) number(word string) (env.NodeID, error) {
	n, err := strconv.ParseUint(word, 10, 64)
	id := env.NodeID(n)
	if err != nil || c.members[id] == "" {
		return 0, exit.Usagef("NODES shows the nodes", "there is no node %s", style.Bytes([]byte(word)))
	}
	return id, nil
}

func (c *Cluster) stop(ctx context.Context, s *shell.Session, args []string) error {
	id, err := c.node(ctx, args[0], true)
	if err != nil {
		return err
	}
	if err := c.StopNode(ctx, id); err != nil {
		return err
	}
	return s.Answer(fmt.Sprintf("Node %d stopped", id), c.row(ctx, id))
}

func (c *Cluster) kill(ctx context.Context, s *shell.Session, args []string) error {
	id, err := c.node(ctx, args[0], true)
	if err != nil {
		return err
	}
	c.KillNode(id)
	return s.Answer(fmt.Sprintf("Node %d killed", id), c.row(ctx, id))
}

func (c *Cluster) start(ctx context.Context, s *shell.Session, args []string) error {
	id, err := c.node(ctx, args[0], false)
	if err != nil {
		return err
	}
	if err := c.StartNode(id); err != nil {
		return err
	}
	return s.Answer(fmt.Sprintf("Node %d started", id), c.row(ctx, id))
}

func (c *Cluster) restart(ctx context.Context, s *shell.Session, args []string) error {
	id, err := c.number(args[0])
	if err != nil {
		return err
	}
	if c.servers[id] != nil {
		if err := c.StopNode(ctx, id); err != nil {
			return err
		}
	}
	return c.start(ctx, s, args)
}

func (c *Cluster) partition(_ context.Context, s *shell.Session, args []string) error {
	sides := [][]env.NodeID{nil}
	seen := map[env.NodeID]bool{}
	for _, word := range strings.Fields(strings.ReplaceAll(strings.Join(args, " "), "|", " | ")) {
		if word == "|" {
			sides = append(sides, nil)
			continue
		}
		id, err := c.number(word)
		if err != nil {
			return err
		}
		if seen[id] {
			return exit.Usagef("example: PARTITION 1 | 2 3", "node %d is on two sides", id)
		}
		seen[id] = true
		sides[len(sides)-1] = append(sides[len(sides)-1], id)
	}
	if rest := slices.DeleteFunc(c.IDs(), func(id env.NodeID) bool { return seen[id] }); len(rest) > 0 {
		sides = append(sides, rest)
	}
	sides = slices.DeleteFunc(sides, func(side []env.NodeID) bool { return len(side) == 0 })
	if len(sides) < 2 {
		return exit.Usagef("example: PARTITION 1 | 2 3", "there must be nodes on at least two sides")
	}
	c.cut.Partition(sides)
	var names []string
	for _, side := range sides {
		names = append(names, strings.Trim(fmt.Sprint(side), "[]"))
	}
	return s.Answer("Network cut: "+strings.Join(names, " | ")+" (your commands still reach all nodes; HEAL makes it whole)",
		struct {
			Sides [][]env.NodeID `json:"sides"`
		}{sides})
}

func (c *Cluster) heal(_ context.Context, s *shell.Session, _ []string) error {
	c.cut.Heal()
	return s.Answer("Network whole", struct {
		Sides [][]env.NodeID `json:"sides"`
	}{[][]env.NodeID{c.IDs()}})
}
