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
	answer := p.greeting(env.NodeID(first.GetHello().GetFrom()))
	answer.Refused = p.judge(first.Hello)
	if err := stream.Send(&kvpb.PeerFrame{Hello: answer}); err != nil {
		return err
	}
	if answer.Refused != "" {
		p.log.Warn("refused a peer", "from", first.GetHello().GetFrom(), "reason", answer.Refused)
		return nil
	}
	return p.readFrames(stream, p.peers[env.NodeID(first.Hello.From)])
}

// readFrames delivers the frames of a stream to the loop, with a bounded number
// waiting there.
func (p *Peers) readFrames(stream kvpb.Peer_ConnectServer, from *peer) error {
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
		from.stats.receivedMessages.Add(uint64(len(frame.Payloads)))
		from.stats.receivedBytes.Add(uint64(size))
		posted := p.loop.Post(func() {
			<-slots
			for _, payload := range frame.Payloads {
				p.receive(from.id, payload)
			}
		})
		if !posted {
			return errClosing
		}
	}
}
