package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/holdfastdb/holdfast/kv/boot"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
)

// tailBytes is how much of its newest log a node that starts has in memory at once,
// to bring followers up to date with.
const tailBytes = 8 << 20

// Server is one running node.
type Server struct {
	cfg Config
	log *slog.Logger

	listener net.Listener
	metrics  *metricsServer
	registry *prometheus.Registry

	dir      *osio.Dir
	wal      *wal.Log
	recovery *wal.Recovery
	engine   env.Engine

	loop  *osio.Loop
	host  *timedHost
	peers *grpcio.Peers
	// addresses are those of all nodes known at the start.
	addresses map[env.NodeID]string
	book      *addressBook
	node      *node.Node
	kv        *grpcio.KV
	health    *health.Server
	grpc      *grpc.Server

	// running are the goroutines of the loop and the gRPC server.
	running sync.WaitGroup
	failed  chan error
	// ending is done once, by Stop or by Kill; ended is closed afterwards.
	ending sync.Once
	ended  chan struct{}
	endErr error
}

// Start opens everything and returns with the node serving. Errors:
// *ListenError, *osio.DirError, those of the log (package wal) and of the engine, and mistakes
// in the configuration.
func Start(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, registry: prometheus.NewRegistry(),
		failed: make(chan error, 1), ended: make(chan struct{}),
	}
	for _, step := range []func() error{s.openPorts, s.openLoop, s.openData} {
		if err := step(); err != nil {
			return nil, errors.Join(err, s.release())
		}
	}
	s.serve()
	s.log.Info("node is serving", "cluster", cfg.ClusterName, "address", s.Addr(), "data", s.dir.Path(),
		"recovered_frames", s.recovery.Frames, "torn_bytes", s.recovery.TornBytes)
	return s, nil
}

func (s *Server) openPorts() (err error) {
	if s.listener, err = s.cfg.listen(s.cfg.ListenAddress); err != nil {
		return err
	}
	if s.cfg.MetricsAddress != "" {
		s.metrics, err = newMetricsServer(&s.cfg, s.registry)
	}
	return err
}

func (s *Server) openData() (err error) {
	founders := sortedIDs(s.cfg.Members)
	if s.cfg.Join || s.cfg.Rejoin {
		founders = nil
	}
	s.dir, err = osio.OpenDir(osio.DirOptions{
		FS: s.cfg.FS, Path: s.cfg.Dir, Create: s.cfg.New || s.cfg.Join, Rejoin: s.cfg.Rejoin,
		Identity: osio.Identity{
			Cluster: ClusterID(s.cfg.ClusterName), ClusterName: s.cfg.ClusterName, Node: s.cfg.Node, Founders: founders,
			Sharded: s.cfg.Partitions > 0,
		},
	})
	if err != nil {
		return err
	}
	s.addresses = s.knownAddresses()
	s.peers.SetPeers(s.addresses)
	s.peers.SetFounders(s.dir.Founders())
	data, err := boot.Open(boot.Options{
		FS: s.cfg.FS, Dir: s.dir.Path(), Start: s.start(),
		WAL: wal.Options{
			Cluster: ClusterID(s.cfg.ClusterName), Node: s.cfg.Node, Store: rand.Uint64() | 1, TailBytes: tailBytes,
			MustExist: s.dir.MustHaveLog(),
		},
		OpenEngine: s.openEngine,
		CheckLog:   s.checkLog, NewNode: s.newNode, SetAside: s.setAside, Rejoined: s.rejoined,
	})
	if err != nil {
		return err
	}
	s.wal, s.recovery, s.engine, s.node = data.Log, data.Recovery, data.Engine, data.Node
	if data.SetAside != "" {
		s.log.Warn("the data of this node was damaged or lost; it waits for the other nodes to replace its replica",
			"reason", data.SetAside)
	}
	s.peers.SetStore(s.recovery.Store)
	return s.dir.MarkReady()
}

// start is what a node without a log is. A log that holds no group yet promised nothing, unless the one
// before it did.
func (s *Server) start() node.Start {
	if len(s.dir.Founders()) > 0 {
		return node.StartBootstrap
	}
	return node.StartAsIs
}

func (s *Server) checkLog(recovery *wal.Recovery, rejoining bool) error {
	if rejoining {
		return nil
	}
	return s.dir.CheckLog(recovery.Fresh)
}

func (s *Server) setAside(reason string) error {
	s.log.Error("the data of this node is damaged and is set aside", "dir", s.dir.Path(), "reason", reason)
	return s.dir.SetAside(reason)
}

func (s *Server) rejoined() error {
	if err := s.dir.MarkReady(); err != nil {
		return err
	}
	return s.dir.Rejoined()
}

func (s *Server) newNode(d *boot.Data) (*node.Node, error) {
	members := sortedIDs(s.addresses)
	if d.Start == node.StartBootstrap {
		members = s.dir.Founders()
	}
	cfg := s.cfg.nodeConfig(members, s.addresses)
	cfg.Start, cfg.Damage = d.Start, d.SetAside
	return node.New(cfg, node.Deps{
		Host: s.host, Log: d.Log, Recovery: d.Recovery, Engine: d.Engine, Seed: rand.Uint64(),
	})
}

// openEngine opens the engine and has a failure of its background work handed to the node, from whatever goroutine. The
// loop runs what is posted only once there is a node, which then may stand on another engine: one that was opened
// after this one was set aside.
func (s *Server) openEngine(dir string) (env.Engine, error) {
	var engine *storage.Pebble
	engine, err := storage.OpenPebble(dir, s.cfg.FS, storage.PebbleOptions{OnFailure: func(err error) {
		s.loop.Post(func() { s.engineFailed(engine, err) })
	}})
	if err != nil {
		return nil, err
	}
	return engine, nil
}

// engineFailed hands a failure of the engine's background work to the node, on the loop.
func (s *Server) engineFailed(engine env.Engine, err error) {
	if s.engine == engine {
		s.node.Fail(fmt.Errorf("the storage engine failed: %w", err))
	}
}

func (s *Server) openLoop() (err error) {
	s.peers, err = grpcio.NewPeers(grpcio.PeersConfig{
		Self: s.cfg.Node, Cluster: ClusterID(s.cfg.ClusterName), Address: s.cfg.Members[s.cfg.Node],
		Addresses: s.cfg.Members, Hints: s.cfg.Members, Dial: s.cfg.Dial, Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.loop = osio.NewLoop(s.peers)
	s.host = newTimedHost(s.loop, s.registry)
	if s.cfg.LeaseReads {
		if s.loop.Clock, err = osio.NewSuspensionClock(); err != nil {
			return fmt.Errorf("lease reads: %w", err)
		}
	}
	return nil
}

// serve starts what runs by itself.
func (s *Server) serve() {
	s.kv = grpcio.NewKV(grpcio.KVConfig{
		Loop: s.loop, Backend: s.node, Dial: s.cfg.Dial, Metrics: grpcio.NewMetrics(s.registry, s.peers),
	})
	s.health = health.NewServer()
	s.grpc = grpcio.NewServer(grpcio.Services{
		KV: s.kv, Cluster: grpcio.NewCluster(s.loop, s.node), Peers: s.peers, Health: s.health,
	})
	s.book = newAddressBook(s.dir, s.peers, s.log)
	s.book.follow(s.node)
	s.running.Go(s.book.run)
	s.peers.Start(s.loop, s.node.Receive)
	s.loop.Post(func() {}) // the node's first turn
	s.running.Go(func() { s.loop.Run(&program{Node: s.node, failed: s.nodeFailed}) })
	s.running.Go(func() {
		if err := s.grpc.Serve(s.listener); err != nil {
			s.nodeFailed(fmt.Errorf("the listener on %s failed: %w", s.Addr(), err))
		}
	})
	if s.metrics != nil {
		s.running.Go(s.metrics.serve)
	}
}

// nodeFailed makes a failure known (SRV-4).
func (s *Server) nodeFailed(err error) {
	s.log.Error("node has stopped serving", "error", err)
	s.health.Shutdown()
	select {
	case s.failed <- err:
	default:
	}
}

// program is the node with an eye on its failure.
type program struct {
	*node.Node
	failed func(error)
}

// Turn implements env.Program.
func (p *program) Turn() {
	p.Node.Turn()
	if p.failed == nil {
		return
	}
	if err := p.Failed(); err != nil {
		p.failed(err)
		p.failed = nil
	}
}

// Addr is the address the node listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// MetricsAddr is the address of the HTTP listener, "" if there is none.
func (s *Server) MetricsAddr() string {
	if s.metrics == nil {
		return ""
	}
	return s.metrics.listener.Addr().String()
}

// Failed delivers the reason if the node stops serving by itself. The caller then
// calls Stop, or Kill.
func (s *Server) Failed() <-chan error { return s.failed }

// Status is what the node knows of itself.
func (s *Server) Status(ctx context.Context) (status *kvpb.NodeStatus, err error) {
	var st *kvpb.NodeStatus
	if err := s.loop.Call(ctx, func() { st = s.node.Status() }); err != nil {
		return nil, err
	}
	return st, nil
}

func sortedIDs(members map[env.NodeID]string) []env.NodeID {
	return slices.Sorted(maps.Keys(members))
}
