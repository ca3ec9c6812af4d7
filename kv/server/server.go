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

	loop   *osio.Loop
	peers  *grpcio.Peers
	node   *node.Node
	kv     *grpcio.KV
	health *health.Server
	grpc   *grpc.Server

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
	for _, step := range []func() error{s.openPorts, s.openLoop, s.openData, s.openNode} {
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
	s.dir, err = osio.OpenDir(osio.DirOptions{
		FS: s.cfg.FS, Path: s.cfg.Dir, Create: s.cfg.New,
		Identity: osio.Identity{
			Cluster: ClusterID(s.cfg.ClusterName), ClusterName: s.cfg.ClusterName, Node: s.cfg.Node,
			Members: sortedIDs(s.cfg.Members),
		},
	})
	if err != nil {
		return err
	}
	s.wal, s.recovery, err = wal.Open(wal.Options{
		FS: s.cfg.FS, Dir: s.dir.WALPath(), Cluster: ClusterID(s.cfg.ClusterName), Node: s.cfg.Node,
		TailBytes: tailBytes,
	})
	if err != nil {
		return err
	}
	if err := s.dir.CheckLog(s.recovery.Fresh); err != nil {
		return err
	}
	engine, err := storage.OpenPebble(s.dir.EnginePath(), s.cfg.FS, storage.PebbleOptions{OnFailure: s.engineFailed})
	if err != nil {
		return err
	}
	s.engine = engine
	return s.dir.MarkReady()
}

// engineFailed hands a failure of the engine's background work to the node; from any
// goroutine. The loop runs what is posted only once there is a node.
func (s *Server) engineFailed(err error) {
	s.loop.Post(func() { s.node.Fail(fmt.Errorf("the storage engine failed: %w", err)) })
}

func (s *Server) openLoop() (err error) {
	s.peers, err = grpcio.NewPeers(grpcio.PeersConfig{
		Self: s.cfg.Node, Cluster: ClusterID(s.cfg.ClusterName), Members: sortedIDs(s.cfg.Members), Addresses: s.cfg.Members,
		Dial: s.cfg.Dial, Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.loop = osio.NewLoop(s.peers)
	return nil
}

func (s *Server) openNode() (err error) {
	s.node, err = node.New(s.cfg.nodeConfig(), node.Deps{
		Host: newTimedHost(s.loop, s.registry), Log: s.wal, Recovery: s.recovery, Engine: s.engine,
		Seed: rand.Uint64(),
	})
	return err
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
