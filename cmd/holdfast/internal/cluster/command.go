package cluster

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// commands holds what the commands share.
type commands struct {
	streams   *style.Streams
	format    *style.Format
	endpoints []string
	wait      time.Duration
	timeout   time.Duration
}

// Command is `cluster` with its subcommands. endpoints are the default ones.
func Command(streams *style.Streams, format *style.Format, endpoints []string) *cobra.Command {
	s := &commands{streams: streams, format: format}
	c := &cobra.Command{
		Use:   "cluster",
		Short: "Show and change the members of a running cluster",
		Long: "Show and change who is a member of a running cluster. Every command names the state that is wanted: it can be\n" +
			"repeated and interrupted at any time, and waits until that state is reached.",
		Args: exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(s.status(), s.add(), s.remove(), s.promote(), s.demote(), s.priority(), s.transfer())
	for _, sub := range c.Commands() {
		f := sub.Flags()
		f.StringSliceVar(&s.endpoints, "endpoints", endpoints, "addresses of the cluster's nodes, separated by commas; some are enough")
		if sub.Name() == "status" {
			f.DurationVar(&s.timeout, "timeout", 5*time.Second, "how long asking the nodes may take")
			continue
		}
		f.DurationVar(&s.wait, "wait", time.Minute, "how long to wait until it is done; what has begun goes on afterwards")
	}
	return c
}

// check is for the commands that change something.
func (s *commands) check() error {
	if err := store.CheckEndpoints(s.endpoints); err != nil {
		return err
	}
	if s.wait <= 0 {
		return exit.Usagef("give one as in --wait 1m", "--wait is %v, it must be more than 0", s.wait)
	}
	return nil
}

func nodeID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == 0 {
		return 0, exit.Usagef("`holdfast cluster status` shows the nodes", "%q is not the id of a node, a number from 1 on", text)
	}
	return id, nil
}

// change carries a change of members out and says so.
func (s *commands) change(ctx context.Context, what, done string, req *kvpb.ChangeMembersRequest) error {
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	said := ""
	o := newOperator(s.endpoints)
	o.progress = func(a answer) {
		text := a.message
		if text == "" && a.code == kvpb.Code_OK {
			text = "under way"
		}
		// Being sent on to the leader is no news.
		if text != "" && text != said && a.code != kvpb.Code_NOT_LEADER {
			s.streams.Talk("%s: %s", what, text)
			said = text
		}
	}
	if _, err := o.run(ctx, what, changing(req)); err != nil {
		return err
	}
	if *s.format == style.JSON {
		return style.PrintJSON(s.streams.Out, map[string]bool{"done": true})
	}
	s.streams.Data("%s", done)
	return nil
}

func (s *commands) add() *cobra.Command {
	var learner bool
	var priority uint8
	c := &cobra.Command{
		Use:   "add NODE=HOST:PORT",
		Short: "Add a node that was started with --join",
		Long: "Add a node. Start it first, with `holdfast server --id NODE --join …`; it then waits to be added. It gets the\n" +
			"data while the cluster goes on, and becomes a voter by itself when it has caught up.",
		Example: "  holdfast server --id 4 --join 127.0.0.1:7001 --listen 127.0.0.1:7004 --cluster mine --data ./data/4 &\n" +
			"  holdfast cluster add 4=127.0.0.1:7004",
		Args: exit.Args(1, 1),
	}
	c.Flags().BoolVar(&learner, "learner", false, "it stays a learner: it gets the data and has no vote")
	c.Flags().Uint8Var(&priority, "priority", 0, "nodes with a higher priority are preferred as leader")
	config.Argument(c.Flags(), "learner", "priority")
	c.RunE = func(c *cobra.Command, args []string) error {
		name, address, found := strings.Cut(args[0], "=")
		id, err := nodeID(name)
		if !found || err != nil || store.CheckAddress(address) != nil {
			return exit.Usagef("give it as in `holdfast cluster add 4=127.0.0.1:7004`", "%q is not of the form NODE=HOST:PORT", args[0])
		}
		if err := s.check(); err != nil {
			return err
		}
		log, err := s.identify(c.Context(), id, address)
		if err != nil {
			return err
		}
		role := "a voter"
		if learner {
			role = "a learner"
		}
		return s.change(c.Context(), fmt.Sprintf("add node %d", id), fmt.Sprintf("Node %d is %s now.", id, role),
			&kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Add{Add: &kvpb.AddMember{
				Node: id, Address: address, AsLearner: learner, Priority: uint32(priority), Store: log,
			}}})
	}
	return c
}

// identify asks the new node who it is and returns the number of its log (CLUS-3).
func (s *commands) identify(ctx context.Context, id uint64, address string) (uint64, error) {
	is, err := store.AskNode(ctx, address)
	if err != nil {
		return 0, exit.With(exit.NotApplied, fmt.Errorf("the new node does not answer at %s: %w", address, err),
			"start it first, with `holdfast server --join`, and give the address it listens on")
	}
	if is.Store == 0 {
		return 0, exit.With(exit.Denied, fmt.Errorf("node %d at %s does not tell the number of its log", is.Node, address),
			"start the node with this version of holdfast, and wait until it serves")
	}
	if is.Node != id {
		return 0, exit.With(exit.Denied, fmt.Errorf("node %d answers at %s, not node %d", is.Node, address, id), "correct the id or the address")
	}
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	for _, e := range s.endpoints {
		member, err := store.AskNode(ctx, e)
		if err != nil {
			continue
		}
		if member.Cluster != is.Cluster {
			return 0, exit.With(exit.Denied, fmt.Errorf("node %d at %s is of cluster %q, the nodes at --endpoints of cluster %q",
				id, address, is.ClusterName, member.ClusterName), "start the node with the --cluster of the others")
		}
		return is.Store, nil
	}
	return 0, exit.With(exit.NotApplied, fmt.Errorf("none of the endpoints %s answers (nothing was changed)", strings.Join(s.endpoints, ", ")),
		"name nodes of the running cluster with --endpoints")
}

// simple is a command with one node for its argument.
func (s *commands) simple(c *cobra.Command, what, done string, request func(id uint64) *kvpb.ChangeMembersRequest) *cobra.Command {
	c.Args = exit.Args(1, 1)
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := nodeID(args[0])
		if err != nil {
			return err
		}
		if err := s.check(); err != nil {
			return err
		}
		return s.change(c.Context(), fmt.Sprintf(what, id), fmt.Sprintf(done, id), request(id))
	}
	return c
}

func (s *commands) remove() *cobra.Command {
	return s.simple(&cobra.Command{
		Use:   "remove NODE",
		Short: "Remove a node",
		Long: "Remove a node from the cluster; it may be down, and it may be the leader. A majority of the old members and one\n" +
			"of the new ones must be up. The node keeps its data directory and takes no part any more: stop it afterwards.",
		Example: "  holdfast cluster remove 3",
	}, "remove node %d", "Node %d is removed.", func(id uint64) *kvpb.ChangeMembersRequest {
		return &kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Remove{Remove: &kvpb.RemoveMember{Node: id}}}
	})
}

func (s *commands) promote() *cobra.Command {
	return s.simple(&cobra.Command{
		Use: "promote NODE", Short: "Make a learner a voter, as soon as it has caught up", Example: "  holdfast cluster promote 4",
	}, "promote node %d", "Node %d is a voter now.", func(id uint64) *kvpb.ChangeMembersRequest {
		return &kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Promote{Promote: &kvpb.PromoteMember{Node: id}}}
	})
}

func (s *commands) demote() *cobra.Command {
	return s.simple(&cobra.Command{
		Use: "demote NODE", Short: "Make a voter a learner: it gets the data and has no vote", Example: "  holdfast cluster demote 4",
	}, "demote node %d", "Node %d is a learner now.", func(id uint64) *kvpb.ChangeMembersRequest {
		return &kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Demote{Demote: &kvpb.DemoteMember{Node: id}}}
	})
}

func (s *commands) priority() *cobra.Command {
	return &cobra.Command{
		Use:     "priority NODE N",
		Short:   "Prefer a node as leader over those with a lower priority (0 to 255)",
		Example: "  holdfast cluster priority 1 10",
		Args:    exit.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := nodeID(args[0])
			if err != nil {
				return err
			}
			n, err := strconv.ParseUint(args[1], 10, 8)
			if err != nil {
				return exit.Usagef("give it as in `holdfast cluster priority 1 10`", "%q is not a priority, a number from 0 to 255", args[1])
			}
			if err := s.check(); err != nil {
				return err
			}
			return s.change(c.Context(), fmt.Sprintf("set the priority of node %d", id), fmt.Sprintf("Node %d has priority %d now.", id, n),
				&kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_SetPriority{
					SetPriority: &kvpb.SetPriority{Node: id, Priority: uint32(n)},
				}})
		},
	}
}

func (s *commands) transfer() *cobra.Command {
	return &cobra.Command{
		Use:   "transfer-leader [NODE]",
		Short: "Hand the leadership over to a node, or to the best of the others",
		Long: "Hand the leadership over. Clients notice nothing but a short delay. Without NODE the leader chooses: by priority,\n" +
			"then by who has most of the log.",
		Example: "  holdfast cluster transfer-leader 2",
		Args:    exit.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			to := uint64(0)
			if len(args) == 1 {
				var err error
				if to, err = nodeID(args[0]); err != nil {
					return err
				}
			}
			if err := s.check(); err != nil {
				return err
			}
			return s.handOver(c.Context(), to)
		},
	}
}

func (s *commands) handOver(ctx context.Context, to uint64) error {
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	term := uint64(0)
	if to == 0 {
		// "Another one" is only defined once it is known who leads.
		before, err := s.gather(ctx)
		if err != nil {
			return err
		}
		term = before.Term
	}
	a, err := newOperator(s.endpoints).run(ctx, "hand over the leadership", handingOver(to, term))
	switch {
	case err != nil:
		return err
	case *s.format == style.JSON:
		return style.PrintJSON(s.streams.Out, map[string]uint64{"leader": a.leads})
	}
	s.streams.Data("Node %d leads now.", a.leads)
	return nil
}
