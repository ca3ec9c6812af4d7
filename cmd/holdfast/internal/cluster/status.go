package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Members is the membership of a cluster in the form of the output.
type Members struct {
	Cluster string `json:"cluster"`
	// Leader is the leading node, 0 if there is none.
	Leader      uint64 `json:"leader"`
	Term        uint64 `json:"term"`
	ConfigIndex uint64 `json:"config_index"`
	// Joint: a change of voters is under way. Settled: the configuration is committed and not joint.
	Joint   bool `json:"joint"`
	Settled bool `json:"settled"`
	// TransferringTo is the node that the leadership is being handed to.
	TransferringTo uint64   `json:"transferring_to,omitempty"`
	Members        []Member `json:"members"`
}

// Member is one node in the configuration of the leader, or one that answered and is not in it.
type Member struct {
	Node       uint64 `json:"node"`
	Address    string `json:"address"`
	Role       string `json:"role"`
	Generation uint32 `json:"generation"`
	// Replica is the id of the node's replica, 0 if it is no member.
	Replica  uint64 `json:"replica"`
	Priority uint32 `json:"priority,omitempty"`
	// State is "leads", "up", "failed" (it stopped serving) or "no answer".
	State string `json:"state"`
	// Behind is the number of log entries that the leader has and the node has not; nil if the leader
	// does not know, as it has not heard of the node since it leads.
	Behind *uint64 `json:"behind"`
	// Note says what is going on: a snapshot on its way, a node that waits to be taken back.
	Note string `json:"note,omitempty"`
}

func (s *commands) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how the cluster is, problems first; in one of one group, its members",
		Long: "Show how a cluster is: problems, nodes, partitions and what moves. `cluster nodes` and `cluster partitions` have the\n" +
			"details. In a cluster of one group, show its members: voters and learners, who leads, who is behind. Exit with 4 if no\n" +
			"leader is found (of the metadata group, or of the one group).",
		Example: "  holdfast cluster status\n  holdfast cluster status -o json",
		Args:    exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.checkQuery(); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), s.timeout)
			defer cancel()
			reports, err := s.reports(ctx)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(reports, func(r store.NodeReport) bool { return r.Status.GetSharded() }) {
				return s.summary(ctx, reports)
			}
			m, err := members(reports)
			if err != nil {
				return err
			}
			if *s.format == style.JSON {
				return style.PrintJSON(s.streams.Out, m)
			}
			return m.print(s.streams.Out)
		},
	}
}

// reports asks all nodes.
func (s *commands) reports(ctx context.Context) ([]store.NodeReport, error) {
	st, err := store.Dial(store.Options{Endpoints: s.endpoints, Timeout: callTime})
	if err != nil {
		return nil, store.Explain(err, "connect")
	}
	defer st.Close()
	reports, err := st.Status(ctx)
	if err != nil {
		return nil, store.Explain(err, "ask the nodes")
	}
	return reports, nil
}

// gather asks all nodes and puts together what the leader of the highest term says.
func (s *commands) gather(ctx context.Context) (*Members, error) {
	reports, err := s.reports(ctx)
	if err != nil {
		return nil, err
	}
	return members(reports)
}

func members(reports []store.NodeReport) (*Members, error) {
	leader, alive := elect(reports)
	switch {
	case len(alive) == 0:
		return nil, exit.With(exit.NotApplied, errors.New("no node answered"), "name nodes of the cluster with --endpoints")
	case leader == nil:
		return nil, exit.With(exit.NotApplied, errors.New("no node leads at the moment"),
			"a majority of the voters must be up and connected; `holdfast status` shows what each node says")
	}
	return describe(leader, alive), nil
}

func group(s *kvpb.NodeStatus) *kvpb.GroupStatus {
	if len(s.Groups) == 0 {
		return nil
	}
	return s.Groups[0]
}

// elect finds who leads: of those who say so, the one of the highest term. alive are all who answered.
func elect(reports []store.NodeReport) (leader *kvpb.NodeStatus, alive map[uint64]*kvpb.NodeStatus) {
	alive = map[uint64]*kvpb.NodeStatus{}
	for _, r := range reports {
		if r.Status == nil {
			continue
		}
		alive[r.Status.Node] = r.Status
		if g := group(r.Status); leading(g) && (leader == nil || g.Term > group(leader).Term) {
			leader = r.Status
		}
	}
	return leader, alive
}

func leading(g *kvpb.GroupStatus) bool { return g.GetRole() == "leader" }

func describe(leader *kvpb.NodeStatus, alive map[uint64]*kvpb.NodeStatus) *Members {
	g := group(leader)
	out := &Members{
		Cluster: leader.ClusterName, Leader: leader.Node, Term: g.Term, ConfigIndex: g.ConfigIndex, Joint: g.Joint,
		Settled: !g.Joint && g.ConfigIndex <= g.Commit, TransferringTo: g.TransferringTo,
	}
	members := map[uint64]bool{}
	byNode := func(a, b *kvpb.GroupMember) int { return cmp.Compare(a.Node, b.Node) }
	for _, m := range slices.SortedStableFunc(slices.Values(g.Configuration), byNode) {
		members[m.Node] = true
		is := Member{
			Node: m.Node, Address: m.Address, Role: role(m), Generation: m.Generation, Replica: m.Replica, Priority: m.Priority,
			State: stateOf(alive[m.Node]),
		}
		for _, p := range g.Peers {
			if p.Replica == m.Replica {
				if behind := g.Last - min(g.Last, p.Match); p.Match > 0 || p.SinceHeardMs < lately {
					is.Behind = &behind
				}
				if is.State == stateSilent && p.SinceHeardMs < lately {
					is.State = stateUp
				}
			}
		}
		if m.Node == leader.Node {
			is.State, is.Behind = stateLeads, new(uint64)
		}
		is.Note = note(g, m, alive[m.Node])
		out.Members = append(out.Members, is)
	}
	for _, id := range slices.Sorted(maps.Keys(alive)) {
		if members[id] || alive[id].Cluster != leader.Cluster {
			continue
		}
		is := Member{Node: id, Role: "no member", State: stateOf(alive[id]), Note: "waits to be added"}
		switch own := group(alive[id]); {
		case alive[id].Health != kvpb.Health_SOUND:
			is.Note = health(alive[id])
		case own.GetRemoved():
			is.Note = "was removed"
		case own.GetReplica() != 0:
			is.Note = "is not in the configuration of the leader"
		}
		out.Members = append(out.Members, is)
	}
	return out
}

// lately is how long ago, in milliseconds, the leader may have heard of a node that counts as up.
const lately = 1000

// The states of a member: what it says of itself, or that the leader heard of it lately.
const (
	stateLeads  = "leads"
	stateUp     = "up"
	stateFailed = "failed"
	stateSilent = "no answer"
)

func stateOf(s *kvpb.NodeStatus) string {
	switch {
	case s == nil:
		return stateSilent
	case s.Failure != "":
		return stateFailed
	}
	return stateUp
}

// note says what is going on with a member. st is what its node says of itself, nil if it does not
// answer.
func note(g *kvpb.GroupStatus, m *kvpb.GroupMember, st *kvpb.NodeStatus) string {
	if st.GetHealth() != kvpb.Health_SOUND {
		return health(st)
	}
	for _, t := range g.Snapshots {
		if t.Sending && t.Peer == m.Node {
			return fmt.Sprintf("gets the state of entry %d: %s bytes so far", t.Index, style.Count(int64(t.Bytes)))
		}
	}
	if st.GetFailure() != "" {
		return "stopped serving: " + st.Failure
	}
	for _, p := range g.Peers {
		switch {
		case p.Replica != m.Replica:
		case p.NeedsSnapshot:
			return "needs the whole state, as the log does not reach back far enough"
		case p.CaughtUp && m.Promote:
			return "has caught up"
		}
	}
	return ""
}

func health(s *kvpb.NodeStatus) string {
	text := "its data is damaged"
	if s.Health == kvpb.Health_REJOINING {
		text = "lost its data and rejoins"
	}
	if s.HealthReason != "" {
		// What follows says what to do on the node itself.
		cause, _, _ := strings.Cut(s.HealthReason, "; ")
		text += ": " + cause
	}
	return text
}

func role(m *kvpb.GroupMember) string {
	switch {
	case m.Role == kvpb.MemberRole_OUTGOING && m.ThenLearner:
		return "voter, becoming a learner"
	case m.Role == kvpb.MemberRole_OUTGOING:
		return "voter, leaving"
	case m.Role == kvpb.MemberRole_VOTER:
		return "voter"
	case m.Promote:
		return "learner, becoming a voter"
	}
	return "learner"
}

func (m *Members) print(w io.Writer) error {
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tADDRESS\tROLE\tSTATE\tBEHIND\tPRIORITY\tNOTE")
	for _, x := range m.Members {
		if x.Replica == 0 {
			fmt.Fprintf(t, "%d\t-\t%s\t%s\t-\t-\t%s\n", x.Node, x.Role, x.State, x.Note)
			continue
		}
		behind := "?"
		if x.Behind != nil {
			behind = strconv.FormatUint(*x.Behind, 10)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", x.Node, x.Address, x.Role, x.State, behind, x.Priority, x.Note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) { // those without a note end in blanks
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	change := "settled"
	switch {
	case m.Joint:
		change = "a change of voters is under way: majorities of the old and of the new ones decide together"
	case !m.Settled:
		change = "a change is under way"
	}
	if m.TransferringTo != 0 {
		change += fmt.Sprintf("; the leadership goes to node %d", m.TransferringTo)
	}
	_, err := fmt.Fprintf(w, "cluster %s, term %d, configuration of entry %d (%s)\n", m.Cluster, m.Term, m.ConfigIndex, change)
	return err
}
