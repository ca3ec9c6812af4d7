package grpcio

import (
	"errors"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// errClosing ends incoming streams when the node stops.
var errClosing = status.Error(codes.Unavailable, "the node is stopping")

// Connect serves one incoming stream of the Peer service.
func (p *Peers) Connect(stream kvpb.Peer_ConnectServer) error {
	// Recv cannot be interrupted but by returning from here, so another goroutine
	// reads; it ends when this one has returned.
	ended := make(chan error, 1)
	go func() { ended <- p.serve(stream) }()
	select {
	case err := <-ended:
		return err
	case <-p.ctx.Done():
		return errClosing
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
}

func (p *Peers) serve(stream kvpb.Peer_ConnectServer) error {
	select {
	case <-p.started:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	h := first.GetHello()
	answer := p.greeting(env.NodeID(h.GetFrom()), env.Channel(h.GetChannel()))
	answer.Refused = p.judge(first.Hello)
	if err := stream.Send(&kvpb.PeerFrame{Hello: answer}); err != nil {
		return err
	}
	if answer.Refused != "" {
		p.log.Warn("refused a peer", "from", h.GetFrom(), "address", h.GetAddress(), "reason", answer.Refused)
		return nil
	}
	defer p.claimed(h)()
	defer p.greeted(h)()
	return p.readFrames(stream, env.NodeID(h.From), env.Channel(h.Channel))
}

// readFrames delivers the frames of a stream to the loop, with a bounded number
// waiting there.
func (p *Peers) readFrames(stream kvpb.Peer_ConnectServer, from env.NodeID, channel env.Channel) error {
	slots := make(chan struct{}, maxFramesWaiting)
	for {
		frame, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case slots <- struct{}{}:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
		size := 0
		for _, payload := range frame.Payloads {
			size += len(payload)
		}
		if peer := p.lookup(from); peer != nil {
			peer.links[channel].stats.receivedMessages.Add(uint64(len(frame.Payloads)))
			peer.links[channel].stats.receivedBytes.Add(uint64(size))
		}
		posted := p.loop.Post(func() {
			<-slots
			for _, payload := range frame.Payloads {
				p.receive(from, payload)
			}
		})
		if !posted {
			return errClosing
		}
	}
}
