package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/serve"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/shell"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// firstLeader bounds the wait for the first leader.
const firstLeader = 10 * time.Second

type options struct {
	nodes int
	// partitions counts if partitionsGiven, or where the directory holds nothing yet.
	partitions      int
	partitionsGiven bool
	port            int
	data            string
	ephemeral       bool
	noShell         bool
	timing          bool
	logLevel        string
	timeout         time.Duration
	deadAfter       time.Duration
}

// Command is `dev`.
func Command(streams *style.Streams, format *style.Format) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run a cluster on this machine, to use and to break, with a shell",
		Long: "Run a cluster of separate nodes in one process, each with its own port on 127.0.0.1 and its own data directory,\n" +
			"and open a shell. Beside the usual commands the shell has NODES, STOP, KILL, START, RESTART, PARTITION and HEAL, to see\n" +
			"with your own eyes what happens when nodes and networks fail, and JOIN, DRAIN, UNDRAIN, REMOVE and PLACEMENT to see\n" +
			"partitions move. The data stays, unless --ephemeral is given. If standard input is no terminal, commands are read from it.",
		Example: "  holdfast dev\n" +
			"  holdfast dev --nodes 5 --port 7101 --ephemeral\n" +
			"  holdfast dev --no-shell                          # serve until Ctrl-C\n" +
			"  printf 'PUT a 1\\nKILL LEADER\\nGET a\\n' | holdfast dev --ephemeral",
		Args: exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			o.partitionsGiven = c.Flags().Changed("partitions")
			return run(c.Context(), streams, *format, o)
		},
	}
	f := c.Flags()
	f.IntVar(&o.nodes, "nodes", 3, "number of nodes")
	f.IntVar(&o.partitions, "partitions", serve.DefaultPartitions, "partitions of a new cluster, 1 to 1024; 0 is a cluster of one group. A directory keeps the number that it has")
	f.IntVar(&o.port, "port", defaultPort, "port of the first node; the others follow")
	f.StringVar(&o.data, "data", "holdfast-data", "directory of the nodes' data")
	f.BoolVar(&o.ephemeral, "ephemeral", false, "keep the data in a temporary directory that is removed at the end")
	f.BoolVar(&o.noShell, "no-shell", false, "read no commands, serve until SIGINT or SIGTERM")
	f.BoolVar(&o.timing, "timing", false, "show how long each command took (always on a terminal)")
	f.StringVar(&o.logLevel, "log-level", "info", "what goes into dev.log: debug, info, warn or error")
	f.DurationVar(&o.deadAfter, "dead-after", 30*time.Second, "how long a node may be down until its copies are made anew elsewhere")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "how long a command may take before it is given up")
	config.Argument(f, "ephemeral", "no-shell")
	return c
}

func (o *options) check() error {
	switch {
	case o.nodes < 1 || o.nodes > maxNodes:
		return exit.Usagef("3 nodes survive the loss of one, 5 of two", "--nodes is %d, it must be 1 to %d", o.nodes, maxNodes)
	case o.partitions < 0 || o.partitions > placement.MaxPartitions:
		return exit.Usagef(fmt.Sprintf("the default is %d", serve.DefaultPartitions), "--partitions is %d, it must be 1 to %d, or 0 for a cluster of one group", o.partitions, placement.MaxPartitions)
	case o.port < 1 || o.port+o.nodes-1 > 65535:
		return exit.Usagef(fmt.Sprintf("the default is %d", defaultPort), "--port is %d, it and the %d ports after it must be 1 to 65535", o.port, o.nodes-1)
	case o.partitions > 0 && o.deadAfter < serve.MinDeadAfter:
		return exit.Usagef("give one as in --dead-after 30s", "--dead-after is %v, it must be %v or more", o.deadAfter, serve.MinDeadAfter)
	case o.timeout <= 0:
		return exit.Usagef("give one as in --timeout 5s", "--timeout is %v, it must be more than 0", o.timeout)
	}
	return nil
}

func run(ctx context.Context, streams *style.Streams, format style.Format, o options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if o.ephemeral {
		if o.data, err = os.MkdirTemp("", "holdfast-dev-"); err != nil {
			return fmt.Errorf("cannot make a temporary directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.data)) }()
	}
	logPath := filepath.Join(o.data, "dev.log")
	if err := os.MkdirAll(o.data, 0o755); err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot make the data directory: %w", err), "use another one with --data, or --ephemeral")
	}
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot write the log: %w", err), "use another directory with --data, or --ephemeral")
	}
	defer logFile.Close()
	logger, err := serve.Logger(logFile, "text", o.logLevel)
	if err != nil {
		return err
	}
	cluster, err := Start(o.data, Shape{Nodes: o.nodes, Partitions: o.partitions, AnyPartitions: !o.partitionsGiven, DeadAfter: o.deadAfter}, o.port, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	waitCtx, cancel := context.WithTimeout(ctx, firstLeader)
	defer cancel()
	if !cluster.AwaitLeader(waitCtx) && ctx.Err() == nil {
		streams.Talk("warning: not everything has a leader after %v, see %s", firstLeader, logPath)
	}
	welcome(streams, cluster, o, logPath)
	if o.noShell {
		<-ctx.Done()
		return nil
	}
	return talk(ctx, streams, format, cluster, o)
}

// talk is the dialogue.
func talk(ctx context.Context, streams *style.Streams, format style.Format, c *Cluster, o options) error {
	s, err := store.Dial(store.Options{Endpoints: c.Endpoints(), Timeout: o.timeout})
	if err != nil {
		return err
	}
	defer s.Close()
	session := &shell.Session{Streams: streams, Store: s, Format: format, Timeout: o.timeout, Timing: o.timing, Extra: c.commands()}
	return session.Run(ctx)
}

func welcome(streams *style.Streams, c *Cluster, o options, logPath string) {
	paint := streams.ErrPaint()
	endpoints := strings.Join(c.Endpoints(), ",")
	where := o.data
	if o.ephemeral {
		where = "temporary, removed at the end"
	}
	nodes := fmt.Sprintf("%d nodes", len(c.members))
	if len(c.members) == 1 {
		nodes = "1 node"
	}
	streams.Talk("%s %s at %s", paint.Bold("Holdfast is up:"), nodes, strings.ReplaceAll(endpoints, ",", ", "))
	streams.Talk("  cluster   %s", strings.TrimPrefix(divided(c.mark.Partitions), "of "))
	streams.Talk("  data      %s (log: %s)", where, logPath)
	export := ""
	if slices.ContainsFunc(c.Endpoints(), func(e string) bool { return !slices.Contains(DefaultEndpoints(), e) }) {
		export = "HOLDFAST_ENDPOINTS=" + endpoints + " "
	}
	streams.Talk("  elsewhere %sholdfast put user1 john", export)
	streams.Talk("            grpcurl -plaintext %s list", c.Endpoints()[0])
	if o.noShell {
		streams.Talk("Ctrl-C ends it.")
		return
	}
	try := "PUT user1 john, NODES, KILL LEADER, GET user1"
	if c.Sharded() {
		try += ", JOIN, PLACEMENT"
	}
	streams.Talk("Try %s. HELP shows all commands, EXIT ends it.", try)
}
