package cluster

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

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
		switch {
		case member.Sharded:
			return 0, exit.With(exit.Denied, fmt.Errorf("cannot add node %d: cluster %s has partitions, and nodes join it by themselves (nothing was changed)", id, member.ClusterName),
				fmt.Sprintf("start it with `holdfast server --id %d --join %s --listen %s …`, that is all; `holdfast cluster nodes` shows it when it is in", id, e, address))
		case member.Cluster != is.Cluster:
			return 0, exit.With(exit.Denied, fmt.Errorf("node %d at %s is of cluster %q, the nodes at --endpoints of cluster %q",
				id, address, is.ClusterName, member.ClusterName), "start the node with the --cluster of the others")
		case is.Sharded:
			return 0, exit.With(exit.Denied, fmt.Errorf("node %d at %s was started for a cluster with partitions, and cluster %s is one group", id, address, member.ClusterName),
				"start the node with --partitions 0, and an empty data directory")
		}
		return is.Store, nil
	}
	return 0, exit.With(exit.NotApplied, fmt.Errorf("none of the endpoints %s answers (nothing was changed)", strings.Join(s.endpoints, ", ")),
		"name nodes of the running cluster with --endpoints")
}

// allVote says what to do where there are partitions, in place of making learners of voters and back.
const allVote = "`holdfast cluster drain NODE` takes everything off a node, `holdfast cluster weight NODE N` says how much it is to hold"

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
		what := fmt.Sprintf(what, id)
		if err := s.oneGroup(c.Context(), what, allVote); err != nil {
			return err
		}
		return s.change(c.Context(), what, fmt.Sprintf(done, id), request(id))
	}
	return c
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

// leadersFollow says what to do where there are partitions, in place of choosing a leader.
const leadersFollow = "leaders follow the placement: each partition is led by the first of its nodes that can; `holdfast cluster partitions` shows them, " +
	"`holdfast cluster weight NODE N` changes how much a node leads, and `drain NODE` takes all off it"

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
			what := fmt.Sprintf("set the priority of node %d", id)
			if err := s.oneGroup(c.Context(), what, leadersFollow); err != nil {
				return err
			}
			return s.change(c.Context(), what, fmt.Sprintf("Node %d has priority %d now.", id, n),
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
			if err := s.oneGroup(c.Context(), "hand over the leadership", leadersFollow); err != nil {
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
