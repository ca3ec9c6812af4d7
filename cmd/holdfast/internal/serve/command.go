package serve

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/build"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/server"
)

// maxStop bounds an orderly stop.
const maxStop = 20 * time.Second

type options struct {
	id        uint64
	listen    string
	peers     []string
	data      string
	cluster   string
	fresh     string
	metrics   string
	logLevel  string
	logFormat string
	gcPercent int
	memory    string
	heartbeat time.Duration
	election  time.Duration
	join      []string
	rejoin    bool
	compact   string
	lease     bool
	drift     int

	partitions int
	replicas   int
	zone       string
	weight     uint32
	deadAfter  time.Duration
}

// Command is `server`.
func Command(streams *style.Streams) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "server",
		Short: "Run one node of a cluster",
		Long: "Run one node. The nodes that a cluster begins with are started with the same --peers, --cluster and --partitions,\n" +
			"each with its own --id and --data. A node that comes later is started with --join: it becomes a part of the cluster by\n" +
			"itself, and partitions move to it (`holdfast cluster rebalance --watch`). Who has run once needs neither --peers nor\n" +
			"--join: the nodes are in its data. The same command can always be given again.\n\n" +
			"--partitions and --replicas count when the cluster begins, --zone and --weight when the node joins; `holdfast cluster\n" +
			"zone` and `weight` change them later. With --partitions 0 the cluster is one group, whose members are changed by hand: a\n" +
			"node that is started with --join is then added with `holdfast cluster add`.\n\n" +
			"One port serves clients and the other nodes. SIGTERM and SIGINT stop the node in order: it hands its leaderships\n" +
			"over first. A node that finds its data damaged sets it aside and gets a new copy from the others; one whose disk\n" +
			"is lost does the same when it is started with --rejoin.",
		Example: "  P=1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003\n" +
			"  holdfast server --id 1 --peers $P --cluster mine --data ./data/1\n" +
			"  holdfast server --id 2 --peers $P --cluster mine --data ./data/2\n" +
			"  holdfast server --id 3 --peers $P --cluster mine --data ./data/3\n" +
			"  holdfast server --id 4 --join 127.0.0.1:7001 --listen 127.0.0.1:7004 --cluster mine --data ./data/4\n" +
			"  holdfast server --config /etc/holdfast.yaml      # the same settings from a file",
		Args: exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), streams, o) },
	}
	f := c.Flags()
	f.Uint64Var(&o.id, "id", 0, "this node's id, from 1 on; never given to another node of the cluster")
	f.StringVar(&o.listen, "listen", "", "address to listen on (default: this node's address in --peers)")
	f.StringSliceVar(&o.peers, "peers", nil, "the nodes that the cluster begins with as ID=HOST:PORT, separated by commas; later only a help to find them")
	f.StringSliceVar(&o.join, "join", nil, "nodes of a running cluster as HOST:PORT, separated by commas: start a node that is none of it yet, and joins it")
	f.BoolVar(&o.rejoin, "rejoin", false, "this member's data is lost: let the others replace its replica by a new one; no effect while the data is there")
	f.StringVar(&o.data, "data", "", "data directory of this node")
	f.StringVar(&o.cluster, "cluster", "holdfast", "name of the cluster")
	f.StringVar(&o.fresh, "new", freshAuto, "may the data directory be empty: yes (this node never ran before), no, or auto (only if no member that answers knows this node)")
	f.Lookup("new").NoOptDefVal = freshYes
	f.IntVar(&o.partitions, "partitions", DefaultPartitions, "partitions of a cluster that begins, 1 to 1024, for ever; 0 is a cluster of one group, whose members are changed by hand. The same on all nodes")
	f.IntVar(&o.replicas, "replicas", 3, "copies of each partition of a cluster that begins, on different nodes. The same on all nodes")
	f.StringVar(&o.zone, "zone", "", "what fails together with this node, as a rack or a building; copies are spread over zones. Counts when the node joins")
	f.Uint32Var(&o.weight, "weight", hashing.DefaultWeight, "how much this node is to hold, in proportion to the others. Counts when the node joins")
	f.DurationVar(&o.deadAfter, "dead-after", placement.DefaultDriverConfig().DeadAfter, "how long a node may be silent until its copies are made anew elsewhere. The same on all nodes")
	f.StringVar(&o.metrics, "metrics-addr", "", "address of the HTTP server for /metrics and /debug/pprof; empty is none")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	f.IntVar(&o.gcPercent, "gc-percent", 400, "how much the heap may grow between garbage collections, in percent; GOGC, if set, goes before the default")
	f.StringVar(&o.memory, "memory-limit", "2GiB", "heap size from which on garbage is collected more often; 0 is none; GOMEMLIMIT, if set, goes before the default")
	f.StringVar(&o.compact, "compact-size", "0", "size of applied log entries, as in 64MiB, after which the log is shortened; 0 is the built-in default")
	f.BoolVar(&o.lease, "lease-reads", false, "let a leader answer reads from a lease, without asking the others; reads may be stale if clocks drift more than --max-clock-drift. The same on all nodes")
	f.IntVar(&o.drift, "max-clock-drift", defaultDrift, "for --lease-reads: how much the rate of any node's clock may be wrong, in millionths (ppm), as while it is corrected; leases are shorter by twice that. The same on all nodes")
	f.DurationVar(&o.heartbeat, "heartbeat", 0, "interval of the leader's heartbeats; 0 is the built-in default")
	f.DurationVar(&o.election, "election-timeout", 0, "silence of the leader after which a node stands for election; 0 is the built-in default")
	return c
}

func run(ctx context.Context, streams *style.Streams, o options) error {
	cfg, err := o.serverConfig(streams)
	if err != nil {
		return err
	}
	if err := o.tuneMemory(streams); err != nil {
		return err
	}
	if cfg.New, err = o.mayBeEmpty(ctx, cfg); err != nil {
		return err
	}
	if err := o.askCluster(ctx, &cfg); err != nil {
		return err
	}
	s, err := server.Start(cfg)
	if err != nil {
		return Explain(err, "")
	}
	var watching sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); watching.Wait() }()
	if cfg.Partitions > 0 {
		watching.Go(func() { watchAdmission(ctx, s, cfg.Logger) })
	}
	select {
	case <-ctx.Done():
		cfg.Logger.Info("stopping")
		return stop(s)
	case err := <-s.Failed():
		return errors.Join(exit.With(exit.Failure, fmt.Errorf("node %d has failed and stopped serving: %w", o.id, err),
			"find the cause in the log above before you start it again; nothing that was acknowledged is lost while a majority of the nodes is well"), stop(s))
	}
}

func stop(s *server.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), maxStop)
	defer cancel()
	return s.Stop(ctx)
}

// serverConfig turns the settings into the node's configuration.
func (o *options) serverConfig(streams *style.Streams) (server.Config, error) {
	logger, err := Logger(streams.Err, o.logFormat, o.logLevel)
	if err != nil {
		return server.Config{}, err
	}
	members, err := parsePeers(o.peers)
	if err != nil {
		return server.Config{}, err
	}
	switch {
	case o.id == 0:
		return server.Config{}, exit.Usagef("give --id 1 to the first node, --id 2 to the second, and so on", "--id is missing or 0")
	case o.data == "":
		return server.Config{}, exit.Usagef("give each node a directory of its own, as in --data ./data/1", "--data is missing")
	case members[env.NodeID(o.id)] == "" && o.listen == "":
		return server.Config{}, exit.Usagef(fmt.Sprintf("give its address with --listen HOST:PORT, add %d=HOST:PORT to --peers, or correct --id", o.id), "node %d is not in --peers, and there is no --listen", o.id)
	}
	if members[env.NodeID(o.id)] == "" {
		members[env.NodeID(o.id)] = o.listen
	}
	if err := o.checkJoining(members); err != nil {
		return server.Config{}, err
	}
	if err := o.checkSharding(); err != nil {
		return server.Config{}, err
	}
	compact, err := o.compactBytes()
	if err != nil {
		return server.Config{}, err
	}
	if o.drift < 0 || o.drift > maxDrift {
		return server.Config{}, exit.Usagef("a quartz clock is off by less than 200, and by up to 500 more while NTP corrects it", "--max-clock-drift is %d, it must be 0 to %d millionths", o.drift, maxDrift)
	}
	return server.Config{
		Node: env.NodeID(o.id), ClusterName: o.cluster, Version: build.Version(), Members: members,
		ListenAddress: o.listen, MetricsAddress: o.metrics, Dir: o.data,
		HeartbeatInterval: o.heartbeat, ElectionTimeout: o.election, Logger: logger,
		Join: len(o.join) > 0 && !o.rejoin, Rejoin: o.rejoin,
		Partitions: o.partitions, Replicas: o.replicas, Zone: o.zone, Weight: o.weight, DeadAfter: o.deadAfter,
		CompactBytes: compact, LeaseReads: o.lease, MaxClockDrift: o.drift,
	}, nil
}

const (
	// minCompact is a log size below which shortening it costs more than it saves.
	minCompact = 64 << 10
	// maxDrift is what raft.Config allows.
	maxDrift = 500_000
	// defaultDrift is twenty times what NTP corrects a clock by at most, and makes leases only 2 % shorter.
	defaultDrift = 10_000
)

func (o *options) compactBytes() (int, error) {
	size, err := parseSize(o.compact)
	switch {
	case err != nil:
		return 0, exit.Usagef("give it as in --compact-size 64MiB, or 0", "--compact-size %q: %w", o.compact, err)
	case size != 0 && size < minCompact:
		return 0, exit.Usagef("the default is 64MiB", "--compact-size %s is too small, it must be 64KiB or more, or 0", o.compact)
	}
	return int(size), nil
}

// tuneMemory sets the garbage collector, unless Go's own variables do.
func (o *options) tuneMemory(streams *style.Streams) error {
	limit, err := parseSize(o.memory)
	if err != nil {
		return exit.Usagef("give it as in --memory-limit 2GiB, or 0", "--memory-limit %q: %w", o.memory, err)
	}
	if streams.Env("GOGC") == "" {
		debug.SetGCPercent(o.gcPercent)
	}
	if streams.Env("GOMEMLIMIT") == "" && limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	return nil
}
