package cluster

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// The groups of commands in the help.
const (
	groupShow    = "show"
	groupPlaced  = "placed"
	groupMembers = "members"
)

// commands holds what the commands share.
type commands struct {
	streams   *style.Streams
	format    *style.Format
	endpoints []string
	wait      time.Duration
	timeout   time.Duration
	// pause lies between two looks at what is waited for; 0 is lookEvery.
	pause time.Duration
}

// Command is `cluster` with its subcommands. endpoints are the default ones.
func Command(streams *style.Streams, format *style.Format, endpoints []string) *cobra.Command {
	s := &commands{streams: streams, format: format}
	return s.command(endpoints)
}

func (s *commands) command(endpoints []string) *cobra.Command {
	c := &cobra.Command{
		Use:   "cluster",
		Short: "Show and change the nodes of a running cluster, and what they hold",
		Long: "Show and change the nodes of a running cluster, and what they hold. Every command names the state that is wanted: it\n" +
			"can be repeated and interrupted at any time, and waits until that state is reached.\n\n" +
			"In a cluster with partitions nodes join by themselves (`holdfast server --join`), and partitions move by themselves;\n" +
			"add, promote, demote, priority and transfer-leader are for a cluster of one group (--partitions 0).",
		Args: exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddGroup(&cobra.Group{ID: groupShow, Title: "Show it:"}, &cobra.Group{ID: groupPlaced, Title: "Change what nodes hold:"},
		&cobra.Group{ID: groupMembers, Title: "Change the members of one group:"})
	for _, sub := range []*cobra.Command{s.status(), s.nodes(), s.partitions(), s.ring(), s.rebalance()} {
		sub.GroupID = groupShow
		sub.Flags().DurationVar(&s.timeout, "timeout", 5*time.Second, "how long asking the nodes may take")
		c.AddCommand(sub)
	}
	for _, sub := range []*cobra.Command{s.remove(), s.drain(), s.undrain(), s.weight(), s.zone()} {
		sub.GroupID = groupPlaced
		c.AddCommand(sub)
	}
	for _, sub := range []*cobra.Command{s.add(), s.promote(), s.demote(), s.priority(), s.transfer()} {
		sub.GroupID = groupMembers
		c.AddCommand(sub)
	}
	for _, sub := range c.Commands() {
		f := sub.Flags()
		f.StringSliceVar(&s.endpoints, "endpoints", endpoints, "addresses of the cluster's nodes, separated by commas; some are enough")
		what := "how long to wait until it is done; what has begun goes on afterwards"
		switch {
		case sub.Name() == "rebalance":
			what = "with --watch: how long to wait while nothing moves"
		case sub.GroupID == groupShow:
			continue
		case sub.Name() == "drain" || sub.Name() == "remove":
			what = "how long to wait while nothing moves; what has begun goes on afterwards"
		}
		f.DurationVar(&s.wait, "wait", time.Minute, what)
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
