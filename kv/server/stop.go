package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/kv/boot"
	"github.com/holdfastdb/holdfast/kv/grpcio"
)

// maxGrace bounds how long Stop waits for clients to take their answers.
const maxGrace = 5 * time.Second

// maxHandOver bounds how long Stop waits for another node to take the leadership over.
const maxHandOver = 2 * time.Second

// handOverer is a node that can give its leadership away. HandOver is called on the loop and calls done once,
// there: when the node leads nothing any longer or cannot get rid of it, at once if it leads nothing.
type handOverer interface {
	HandOver(done func())
}

// Stop ends the node in order: it hands its leadership over, so that the others need not wait for an
// election timeout, refuses new requests, ends the pending ones
// honestly, flushes the engine and closes everything. If ctx ends before, what is left goes on in the
// background and ctx's error is returned. Stop after Stop or Kill waits for that one.
func (s *Server) Stop(ctx context.Context) error {
	go s.ending.Do(func() {
		s.endErr = s.shutDown(ctx)
		close(s.ended)
	})
	select {
	case <-s.ended:
		return s.endErr
	case <-ctx.Done():
		return fmt.Errorf("node %d did not stop in time: %w", s.cfg.Node, ctx.Err())
	}
}

// Kill ends the node as a crash would: pending requests get no answer and nothing is flushed. It returns
// when the files are closed. The log is closed in order, which adds nothing to what was durable.
func (s *Server) Kill() {
	s.ending.Do(func() {
		s.grpc.Stop()
		s.endErr = s.release()
		close(s.ended)
	})
	<-s.ended
}

func (s *Server) shutDown(ctx context.Context) error {
	s.health.Shutdown()
	handOver(ctx, s.loop, s.node)
	var failure error
	// An error says that ctx ended; what follows then ends the rest the hard way.
	_ = s.loop.Call(ctx, func() {
		failure = s.node.Failed()
		s.node.Stop()
	})
	s.kv.Stop()
	s.peers.Close()
	s.stopGRPC(ctx)
	s.loop.Close()
	var err error
	if failure != nil {
		err = boot.Failed(s.cfg.FS, s.dir.Path(), failure)
	} else {
		if err = s.engine.Flush(); err != nil {
			err = fmt.Errorf("flushing the storage engine: %w; nothing is lost, the log has it", err)
		}
	}
	return errors.Join(err, s.release())
}

// handOver waits until the node has handed its leadership over, or for as long as that is worth.
func handOver(ctx context.Context, loop grpcio.Loop, node handOverer) {
	ctx, cancel := context.WithTimeout(ctx, maxHandOver)
	defer cancel()
	done := make(chan struct{})
	if !loop.Post(func() { node.HandOver(sync.OnceFunc(func() { close(done) })) }) {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// stopGRPC lets the calls end by themselves for a while.
func (s *Server) stopGRPC(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxGrace)
	defer cancel()
	graceful := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(graceful)
	}()
	select {
	case <-graceful:
	case <-ctx.Done():
		s.grpc.Stop()
		<-graceful
	}
}

// release closes what is open, in the reverse order of opening; also after a Start that failed
// half-way.
func (s *Server) release() error {
	var errs []error
	add := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("closing %s: %w", what, err))
		}
	}
	if s.peers != nil {
		s.peers.Close()
	}
	if s.loop != nil {
		s.loop.Close()
	}
	if s.kv != nil {
		s.kv.Close()
	}
	if s.metrics != nil {
		s.metrics.close()
	}
	if s.listener != nil {
		_ = s.listener.Close() // closed already if gRPC served on it
	}
	if s.book != nil {
		s.book.end()
	}
	s.running.Wait()
	if s.engine != nil {
		add("the storage engine", s.engine.Close())
	}
	if s.wal != nil {
		add("the log", s.wal.Close())
	}
	if s.dir != nil {
		add("the data directory", s.dir.Close())
	}
	return errors.Join(errs...)
}
