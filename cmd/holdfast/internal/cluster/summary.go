package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Summary is how a cluster with partitions is, in the form of the output.
type Summary struct {
	Cluster string `json:"cluster"`
	// Driver is the node that drives the placement, the leader of the metadata group; 0 if none answers.
	Driver       uint64 `json:"driver"`
	TableVersion uint64 `json:"table_version"`
	Partitions   uint32 `json:"partitions"`
	Replicas     uint32 `json:"replicas"`
	// Problems is what to look into, the worst first.
	Problems []string     `json:"problems"`
	Progress Progress     `json:"progress"`
	Metadata *PlacedGroup `json:"metadata,omitempty"`
	Nodes    []PlacedNode `json:"nodes"`
}

// summarize puts together what the driver and the nodes themselves say.
func summarize(p *Placement, reports []store.NodeReport) *Summary {
	out := &Summary{
		Driver: p.Driver, TableVersion: p.TableVersion, Partitions: p.Partitions, Replicas: p.Replicas,
		Problems: []string{}, Progress: p.Progress(), Metadata: p.metadata(), Nodes: p.Nodes,
	}
	if !p.known() {
		out.Problems = append(out.Problems, driverless)
	}
	for _, r := range reports {
		if r.Status == nil {
			continue
		}
		if out.Cluster == "" {
			out.Cluster = r.Status.ClusterName
		}
		if text := trouble(r.Status); text != "" {
			out.Problems = append(out.Problems, fmt.Sprintf("node %d: %s", r.Status.Node, text))
		}
	}
	if p.known() {
		out.Problems = append(out.Problems, p.problems()...)
	}
	return out
}

// trouble is what a node says of itself that an operator should know.
func trouble(s *kvpb.NodeStatus) string {
	switch {
	case s.Failure != "":
		return "it stopped serving: " + s.Failure
	case s.Health != kvpb.Health_SOUND:
		return health(s)
	case s.Refused != "":
		return "the cluster does not take it in: " + store.Plainly(s.Refused)
	case s.TableVersion == 0:
		return "it waits to hear from the other nodes of its cluster"
	}
	return ""
}

// summary is `cluster status` where there are partitions.
func (s *commands) summary(ctx context.Context, reports []store.NodeReport) error {
	p, err := s.asker().Ask(ctx)
	if err != nil {
		return err
	}
	sum := summarize(p, reports)
	if *s.format == style.JSON {
		err = style.PrintJSON(s.streams.Out, sum)
	} else {
		err = sum.print(s.streams.Out)
	}
	if err == nil && !p.known() {
		err = exit.With(exit.NotApplied, errors.New("no node drives the placement at the moment"),
			"a majority of the metadata group must be up and connected; `holdfast status` shows what each node says")
	}
	return err
}

func (s *Summary) print(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "cluster %s: %s, %s with %s each\n", s.Cluster, plural(s.inService(), "node", "nodes"),
		plural(int(s.Partitions), "partition", "partitions"), plural(int(s.Replicas), "copy", "copies"))
	for _, p := range s.Problems {
		fmt.Fprintf(&text, "problem     %s\n", p)
	}
	fmt.Fprintf(&text, "nodes       %s\n", s.states())
	if s.Driver != 0 {
		fmt.Fprintf(&text, "partitions  %s\n", s.Progress.counts())
		if s.Progress.AtRest {
			fmt.Fprintf(&text, "moving      nothing\n")
		} else if rest := s.Progress.rest(); rest != "" {
			fmt.Fprintf(&text, "moving      %s\n", strings.TrimPrefix(rest, "; "))
		}
	}
	if m := s.Metadata; m != nil {
		fmt.Fprintf(&text, "metadata    on nodes %s", list(m.Wanted))
		if m.Leader != 0 {
			fmt.Fprintf(&text, ", led by node %d", m.Leader)
		}
		if m.Phase != "" {
			fmt.Fprintf(&text, ": %s", m.Phase)
		}
		fmt.Fprintf(&text, "; table %d\n", s.TableVersion)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (s *Summary) inService() (n int) {
	for i := range s.Nodes {
		if s.Nodes[i].State != stateRemoved {
			n++
		}
	}
	return n
}

// states counts the nodes by state.
func (s *Summary) states() string {
	counts := map[string]int{}
	var order []string
	for i := range s.Nodes {
		state := s.Nodes[i].shown()
		if state == stateRemoved {
			continue
		}
		if counts[state]++; !slices.Contains(order, state) {
			order = append(order, state)
		}
	}
	var parts []string
	for _, state := range order {
		parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
	}
	return strings.Join(parts, ", ")
}
