package grpcio

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// helloTimeout is how long the other side may take to answer a Hello.
const helloTimeout = 5 * time.Second

// refusedError is the other side's reason not to talk.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return "refused: " + e.reason }

// dialLoop keeps a stream to the peer open until Close. gRPC itself paces the
// attempts to connect; the pauses here are for streams that end.
func (p *Peers) dialLoop(peer *peer) {
	pause := firstRetry
	for p.ctx.Err() == nil {
		begin := time.Now()
		err := p.runStream(peer)
		if p.ctx.Err() != nil {
			return
		}
		if refused, ok := errors.AsType[*refusedError](err); ok {
			p.log.Error("peer refuses this node", "peer", uint64(peer.id), "address", peer.address, "reason", refused.reason)
			p.sleep(p.cfg.RefusedPause)
			continue
		}
		p.log.Info("peer stream ended", "peer", uint64(peer.id), "address", peer.address, "error", err)
		if time.Since(begin) > lastRetry {
			pause = firstRetry
		}
		p.sleep(pause/2 + rand.N(pause))
		pause = min(2*pause, lastRetry)
	}
}

// runStream opens a stream, greets, and sends what is queued until the stream breaks.
func (p *Peers) runStream(peer *peer) error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	stream, err := kvpb.NewPeerClient(peer.conn).Connect(ctx, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	if err := p.greet(peer, stream, cancel); err != nil {
		return err
	}
	peer.queue.connect()
	peer.stats.connects.Add(1)
	peer.stats.connected.Store(true)
	p.log.Info("peer connected", "peer", uint64(peer.id), "address", peer.address)

	// The other side says nothing more; its end of the stream ends this one.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err = stream.Recv()
		cancel()
	}()
	sendErr := peer.sendAll(ctx, stream)
	cancel()
	<-ended
	peer.stats.connected.Store(false)
	peer.queue.disconnect()
	if err == nil {
		err = errors.New("the peer spoke out of turn")
	}
	if sendErr != nil && !errors.Is(sendErr, context.Canceled) {
		err = sendErr
	}
	return err
}

// greet exchanges Hellos.
func (p *Peers) greet(peer *peer, stream kvpb.Peer_ConnectClient, cancel context.CancelFunc) error {
	timer := time.AfterFunc(helloTimeout, cancel)
	defer timer.Stop()
	// An error of Send is only io.EOF; Recv tells the reason.
	_ = stream.Send(&kvpb.PeerFrame{Hello: p.greeting(peer.id)})
	frame, err := stream.Recv()
	if err != nil {
		return err
	}
	h := frame.Hello
	switch {
	case h == nil:
		return &refusedError{"the answer to Hello was something else"}
	case h.Refused != "":
		return &refusedError{h.Refused}
	case h.Cluster != p.cfg.Cluster || h.From != uint64(peer.id) || h.Protocol != Protocol:
		return &refusedError{fmt.Sprintf("node %d of cluster %016x with protocol %d answered at %s", h.From, h.Cluster, h.Protocol, peer.address)}
	}
	return nil
}

// sendAll sends frames until the stream breaks or ctx ends.
func (peer *peer) sendAll(ctx context.Context, stream kvpb.Peer_ConnectClient) error {
	var frame kvpb.PeerFrame
	var batch [][]byte
	for {
		batch = peer.queue.take(batch, maxFrameBytes)
		if len(batch) == 0 {
			select {
			case <-peer.queue.wake:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		frame.Payloads = batch
		if err := stream.Send(&frame); err != nil {
			return ctx.Err() // Recv tells the reason
		}
		size := 0
		for _, payload := range batch {
			size += len(payload)
		}
		peer.stats.sentFrames.Add(1)
		peer.stats.sentMessages.Add(uint64(len(batch)))
		peer.stats.sentBytes.Add(uint64(size))
	}
}

func (p *Peers) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
	}
}
