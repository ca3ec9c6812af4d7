package dev

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/shell"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// nodeRow is a node in the answer to NODES.
type nodeRow struct {
	Node    env.NodeID `json:"node"`
	Address string     `json:"address"`
	State   string     `json:"state"`
	// In a cluster of one group.
	Role    string `json:"role,omitempty"`
	Term    uint64 `json:"term,omitempty"`
	Leader  uint64 `json:"leader,omitempty"`
	Commit  uint64 `json:"commit,omitempty"`
	Applied uint64 `json:"applied,omitempty"`
	// In a cluster with partitions: how many it leads and holds, its role in the metadata group, and the version of its
	// table.
	Leads    *int   `json:"leads,omitempty"`
	Holds    *int   `json:"holds,omitempty"`
	Metadata string `json:"metadata,omitempty"`
	Table    uint64 `json:"table,omitempty"`
	Side     string `json:"side,omitempty"`
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
	case st.Refused != "":
		r.State = "refused: " + st.Refused
	}
	if c.Sharded() {
		r.count(st)
		return r
	}
	for _, g := range st.GetGroups() {
		r.Role, r.Term, r.Leader, r.Commit, r.Applied = g.Role, g.Term, g.LeaderNode, g.Commit, g.Applied
	}
	return r
}

// count sums up a node with many groups; st is nil if it does not run.
func (r *nodeRow) count(st *kvpb.NodeStatus) {
	if st == nil {
		return
	}
	leads, holds := 0, 0
	r.Table, r.Metadata = st.TableVersion, "-"
	for _, g := range st.Groups {
		if g.Group == placement.MetaGroup {
			r.Metadata = g.Role
			continue
		}
		if holds++; g.LeaderNode == st.Node {
			leads++
		}
	}
	r.Leads, r.Holds = &leads, &holds
}

func (c *Cluster) nodes(ctx context.Context, s *shell.Session, _ []string) error {
	var rows []nodeRow
	for _, id := range c.IDs() {
		rows = append(rows, c.row(ctx, id))
	}
	if s.Format == style.JSON {
		return s.Answer("", rows)
	}
	print, head := printMember, "NODE\tADDRESS\tSTATE\tROLE\tTERM\tLEADER\tCOMMIT\tAPPLIED\tSIDE"
	if c.Sharded() {
		print, head = printHolder, "NODE\tADDRESS\tSTATE\tPARTITIONS\tMETADATA\tTABLE\tSIDE"
	}
	t := tabwriter.NewWriter(s.Streams.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for i := range rows {
		print(t, &rows[i])
	}
	return t.Flush()
}

// printMember writes a node of a cluster of one group.
func printMember(t io.Writer, r *nodeRow) {
	if r.Role == "" {
		fmt.Fprintf(t, "%d\t%s\t%s\t-\t-\t-\t-\t-\t%s\n", r.Node, r.Address, r.State, orDash(r.Side))
		return
	}
	leader := "none"
	if r.Leader != 0 {
		leader = strconv.FormatUint(r.Leader, 10)
	}
	fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%s\t%d\t%d\t%s\n", r.Node, r.Address, r.State, r.Role, r.Term, leader, r.Commit, r.Applied, orDash(r.Side))
}

// printHolder writes a node of a cluster with partitions.
func printHolder(t io.Writer, r *nodeRow) {
	partitions, table := "-", "-"
	if r.Holds != nil {
		partitions = fmt.Sprintf("leads %d of %d", *r.Leads, *r.Holds)
	}
	if r.Table != 0 {
		table = strconv.FormatUint(r.Table, 10)
	}
	fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Node, r.Address, r.State, partitions, orDash(r.Metadata), table, orDash(r.Side))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
