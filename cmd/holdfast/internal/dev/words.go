package dev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/shell"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// commands are what the shell of a dev cluster understands beyond the usual.
func (c *Cluster) commands() []shell.Command {
	return []shell.Command{
		{Name: "NODES", Help: "show the nodes: who leads, roles, terms, positions, sides", Run: c.nodes},
		{Name: "STOP", Usage: "N", Help: "stop node N in order", Min: 1, Max: 1, Run: c.stop},
		{Name: "KILL", Usage: "N | LEADER", Help: "end a node as kill -9 would: nothing is flushed", Min: 1, Max: 1, Run: c.kill},
		{Name: "START", Usage: "N", Help: "start node N again with its data", Min: 1, Max: 1, Run: c.start},
		{Name: "RESTART", Usage: "N", Help: "stop node N, if it runs, and start it again", Min: 1, Max: 1, Run: c.restart},
		{Name: "TRANSFER", Usage: "[N]", Help: "hand the leadership over to node N, or to the best of the others", Min: 0, Max: 1, Run: c.transfer},
		{Name: "PARTITION", Usage: "N ... [| N ...]", Help: "cut the network between the sides, as in PARTITION 1 | 2 3", Min: 1, Max: -1, Run: c.partition},
		{Name: "HEAL", Help: "make the network whole", Run: c.heal},
	}
}

// nodeRow is a node in the answer to NODES.
type nodeRow struct {
	Node    env.NodeID `json:"node"`
	Address string     `json:"address"`
	State   string     `json:"state"`
	Role    string     `json:"role,omitempty"`
	Term    uint64     `json:"term,omitempty"`
	Leader  uint64     `json:"leader,omitempty"`
	Commit  uint64     `json:"commit,omitempty"`
	Applied uint64     `json:"applied,omitempty"`
	Side    string     `json:"side,omitempty"`
}

func (c *Cluster) row(ctx context.Context, id env.NodeID) nodeRow {
	r := nodeRow{Node: id, Address: c.members[id], State: "up"}
	if side, cut := c.cut.Side(id); cut {
		r.Side = string(rune('A' + side - 1))
	}
	st, err := c.Status(ctx, id)
	switch {
	case err != nil:
		r.State = "no answer: " + err.Error()
	case st == nil:
		r.State = c.stopped[id]
	case st.Failure != "":
		r.State = "failed: " + st.Failure
	}
	for _, g := range st.GetGroups() {
		r.Role, r.Term, r.Leader, r.Commit, r.Applied = g.Role, g.Term, g.LeaderNode, g.Commit, g.Applied
	}
	return r
}

func (c *Cluster) nodes(ctx context.Context, s *shell.Session, _ []string) error {
	var rows []nodeRow
	for _, id := range c.IDs() {
		rows = append(rows, c.row(ctx, id))
	}
	if s.Format == style.JSON {
		return s.Answer("", rows)
	}
	t := tabwriter.NewWriter(s.Streams.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tADDRESS\tSTATE\tROLE\tTERM\tLEADER\tCOMMIT\tAPPLIED\tSIDE")
	for _, r := range rows {
		if r.Role == "" {
			fmt.Fprintf(t, "%d\t%s\t%s\t-\t-\t-\t-\t-\t%s\n", r.Node, r.Address, r.State, orDash(r.Side))
			continue
		}
		leader := "none"
		if r.Leader != 0 {
			leader = strconv.FormatUint(r.Leader, 10)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%s\t%d\t%d\t%s\n", r.Node, r.Address, r.State, r.Role, r.Term, leader, r.Commit, r.Applied, orDash(r.Side))
	}
	return t.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
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
