package grpcio

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Each channel has a connection of its own. gRPC would carry the three streams on one, with flow
// control for each, but below that they would share what has no lanes: the socket's send buffer and the
// network's queue (a heartbeat behind 4 MiB of snapshot waits 400 ms on a link of 10 MB/s, and four
// times an election timeout is enough to lose a leader), the receiver's window for the connection, and
// TCP's retransmissions, where one lost segment holds up all that follows. Two more connections to each
// peer cost some memory; between connections the kernels share the link fairly.
//
// The control stream says whether the peer is there: the other two live as long as it does, so that
// they may wait long for acknowledgements on a slow link and still end soon when the peer vanishes.

// helloTimeout is how long the other side may take to answer a Hello.
const helloTimeout = 5 * time.Second

// refusedError is the other side's reason not to talk.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return "refused: " + e.reason }

// keepConnected keeps the streams to the peer open until it is one no longer.
func (p *Peers) keepConnected(peer *peer) {
	p.keep(peer.ctx, peer, env.ChannelControl, func(ctx context.Context) error {
		dial := func(ctx context.Context, _ string) (net.Conn, error) {
			address := peer.likeliest()
			conn, err := p.dial(ctx, address)
			if err != nil {
				peer.failures.Add(1)
				return nil, err
			}
			peer.at.Store(&address)
			return conn, nil
		}
		return p.runStream(ctx, peer, env.ChannelControl, dial, func(ctx context.Context) {
			dial := func(ctx context.Context, _ string) (net.Conn, error) { return p.dial(ctx, peer.reached()) }
			var bulk sync.WaitGroup
			for _, c := range []env.Channel{env.ChannelLog, env.ChannelSnapshot} {
				bulk.Go(func() {
					p.keep(ctx, peer, c, func(ctx context.Context) error { return p.runStream(ctx, peer, c, dial, nil) })
				})
			}
			bulk.Wait()
		})
	})
}

func (p *Peers) dial(ctx context.Context, address string) (net.Conn, error) {
	if p.cfg.Dial == nil {
		return dialTCP(ctx, address)
	}
	return p.cfg.Dial(ctx, address)
}

// keep runs a stream again and again until ctx ends. gRPC itself paces the attempts to connect; the
// pauses here are for streams that end.
func (p *Peers) keep(ctx context.Context, peer *peer, channel env.Channel, run func(context.Context) error) {
	log := p.log.With("peer", uint64(peer.id), "channel", channel.String())
	pause := firstRetry
	for ctx.Err() == nil {
		begin := time.Now()
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if refused, ok := errors.AsType[*refusedError](err); ok {
			log.Error("peer refuses this node", "address", peer.reached(), "reason", refused.reason)
			sleep(ctx, p.cfg.RefusedPause)
			continue
		}
		log.Info("peer stream ended", "address", peer.reached(), "error", err)
		if time.Since(begin) > lastRetry {
			pause = firstRetry
		}
		sleep(ctx, pause/2+rand.N(pause))
		pause = min(2*pause, lastRetry)
	}
}

// runStream opens a stream, greets, and sends what is queued until the stream breaks. meanwhile, if not
// nil, runs beside that and ends with its context.
func (p *Peers) runStream(ctx context.Context, peer *peer, channel env.Channel, dial DialFunc, meanwhile func(context.Context)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := grpc.NewClient(Target(peer.address), peerDialOptions(channel, dial)...)
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := kvpb.NewPeerClient(conn).Connect(ctx, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	h, err := p.greet(peer, channel, stream, cancel)
	if err != nil {
		peer.failures.Add(1)
		return err
	}
	defer p.claimed(h)()
	l := peer.links[channel]
	l.queue.connect()
	l.stats.connects.Add(1)
	l.stats.connected.Add(1)
	p.log.Info("peer connected", "peer", uint64(peer.id), "address", peer.reached(), "channel", channel.String())

	// The other side says nothing more; its end of the stream ends this one.
	var beside sync.WaitGroup
	beside.Go(func() {
		_, err = stream.Recv()
		cancel()
	})
	if meanwhile != nil {
		beside.Go(func() { meanwhile(ctx) })
	}
	sendErr := peer.sendAll(ctx, l, stream)
	cancel()
	beside.Wait()
	l.stats.connected.Add(-1)
	l.queue.disconnect()
	if err == nil {
		err = errors.New("the peer spoke out of turn")
	}
	if sendErr != nil && !errors.Is(sendErr, context.Canceled) {
		err = sendErr
	}
	return err
}

// greet exchanges Hellos and returns the other side's.
func (p *Peers) greet(peer *peer, channel env.Channel, stream kvpb.Peer_ConnectClient, cancel context.CancelFunc) (*kvpb.Hello, error) {
	timer := time.AfterFunc(helloTimeout, cancel)
	defer timer.Stop()
	// An error of Send is only io.EOF; Recv tells the reason.
	_ = stream.Send(&kvpb.PeerFrame{Hello: p.greeting(peer.id, channel)})
	frame, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	h := frame.Hello
	switch {
	case h == nil:
		return nil, &refusedError{"the answer to Hello was something else"}
	case h.Refused != "":
		return nil, &refusedError{h.Refused}
	case h.Cluster != p.cfg.Cluster || h.From != uint64(peer.id) || h.Protocol != Protocol:
		return nil, &refusedError{fmt.Sprintf("node %d of cluster %016x with protocol %d answered at %s", h.From, h.Cluster, h.Protocol, peer.reached())}
	}
	return h, nil
}

// snapshotFrameBytes is the size a frame of several payloads of a snapshot stays under, and
// snapshotPatience is how long such a frame waits at most for log entries to go first.
const (
	snapshotFrameBytes = 256 << 10
	snapshotPatience   = 20 * time.Millisecond
)

// sendAll sends frames until the stream breaks or ctx ends.
func (peer *peer) sendAll(ctx context.Context, l *link, stream kvpb.Peer_ConnectClient) error {
	var frame kvpb.PeerFrame
	var batch [][]byte
	most := maxFrameBytes
	if l.channel == env.ChannelSnapshot {
		most = snapshotFrameBytes
	}
	for {
		if l.channel == env.ChannelSnapshot && !peer.links[env.ChannelLog].queue.awaitEmpty(ctx, snapshotPatience) {
			return ctx.Err()
		}
		batch = l.queue.take(batch, most)
		if len(batch) == 0 {
			select {
			case <-l.queue.wake:
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
		l.stats.sentFrames.Add(1)
		l.stats.sentMessages.Add(uint64(len(batch)))
		l.stats.sentBytes.Add(uint64(size))
	}
}

// sleep pauses, and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
