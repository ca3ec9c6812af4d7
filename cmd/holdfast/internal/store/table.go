package store

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// PrintStatus writes the nodes as a table: a line for each group, or, where a node has many of them, for each node.
func PrintStatus(w io.Writer, reports []NodeReport) error {
	nodes := make([]Node, 0, len(reports))
	for _, r := range reports {
		nodes = append(nodes, r.Summary())
	}
	row, head := printMember, "NODE\tENDPOINT\tSTATE\tROLE\tTERM\tLEADER\tCOMMIT\tAPPLIED\tUPTIME"
	if slices.ContainsFunc(nodes, func(n Node) bool { return n.Sharded }) {
		row, head = printHolder, "NODE\tENDPOINT\tSTATE\tPARTITIONS\tMETADATA\tTABLE\tUPTIME"
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for i := range nodes {
		row(t, &nodes[i])
	}
	return t.Flush()
}

// printMember writes the lines of a node of a cluster that is one group.
func printMember(t io.Writer, n *Node) {
	if !n.Alive {
		fmt.Fprintf(t, "-\t%s\tno answer\t-\t-\t-\t-\t-\t-%s\n", n.Endpoint, remark(n.Error))
		return
	}
	state, why := n.state()
	head := fmt.Sprintf("%d\t%s\t%s", n.Node, n.Endpoint, state)
	for _, g := range n.Groups {
		leader := "none"
		if g.Leader != 0 {
			leader = fmt.Sprint(g.Leader)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%d\t%s%s\n", head, g.Role, g.Term, leader, g.Commit, g.Applied, n.shownUptime(), remark(why))
	}
	if len(n.Groups) == 0 {
		fmt.Fprintf(t, "%s\t-\t-\t-\t-\t-\t%s%s\n", head, n.shownUptime(), remark(why))
	}
}

// printHolder writes the line of a node of a cluster with partitions.
func printHolder(t io.Writer, n *Node) {
	if !n.Alive {
		fmt.Fprintf(t, "-\t%s\tno answer\t-\t-\t-\t-%s\n", n.Endpoint, remark(n.Error))
		return
	}
	state, why := n.state()
	holds, leads, metadata, table := 0, 0, "-", "none"
	for _, g := range n.Groups {
		if g.Metadata {
			metadata = g.Role
			continue
		}
		if holds++; g.Role == leaderRole {
			leads++
		}
	}
	if n.TableVersion > 0 {
		table = fmt.Sprint(n.TableVersion)
	}
	fmt.Fprintf(t, "%d\t%s\t%s\tleads %d of %d\t%s\t%s\t%s%s\n",
		n.Node, n.Endpoint, state, leads, holds, metadata, table, n.shownUptime(), remark(why))
}

// leaderRole is the role of a replica that leads, in a node's status.
const leaderRole = "leader"

// state is how a node that answers is, in a word, and why.
func (n *Node) state() (state, why string) {
	switch {
	case n.Failure != "":
		return "failed", n.Failure
	case n.Health != "":
		return n.Health, n.HealthReason
	case n.Refused != "":
		return "refused", n.Refused
	case n.Sharded && n.TableVersion == 0:
		return "joining", "waits to hear from the other nodes of its cluster"
	}
	return "up", ""
}

func (n *Node) shownUptime() time.Duration { return n.Uptime().Truncate(time.Second) }

func remark(text string) string {
	if text == "" {
		return ""
	}
	return "\t" + text
}
