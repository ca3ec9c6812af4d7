package grpcio

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// maxBatchesWaiting bounds the batches of one stream that wait for the loop;
// beyond it the stream is not read.
const maxBatchesWaiting = 4

// maxBatchBytes is the size a batch of several responses stays under.
const maxBatchBytes = 1 << 20

// clientStream is one Stream call. Three goroutines meet here: the reader posts
// batches of requests, the loop collects the responses, and the handler's own
// goroutine sends them.
type clientStream struct {
	kv     *KV
	stream kvpb.KV_StreamServer
	reply  func(*kvpb.Response)
	// answered holds a token when there may be something to send.
	answered chan struct{}
	// room holds a token when outstanding or buffered went down.
	room chan struct{}
	// posted holds a token for each batch that waits for the loop.
	posted chan struct{}

	// turn collects the responses of the current turn; owned by the loop.
	turn      []*kvpb.Response
	turnBytes int

	mu  sync.Mutex
	out []*kvpb.Response
	// buffered is the size of out and of what is being sent, in bytes.
	buffered int
	// outstanding counts requests taken whose responses are not sent.
	outstanding int
}

// Stream implements the KV service.
func (k *KV) Stream(stream kvpb.KV_StreamServer) error {
	s := &clientStream{
		kv: k, stream: stream,
		answered: make(chan struct{}, 1), room: make(chan struct{}, 1), posted: make(chan struct{}, maxBatchesWaiting),
	}
	s.reply = s.collect
	// Recv cannot be interrupted but by returning from here, so another goroutine
	// reads; it ends when this one has returned.
	read := make(chan error, 1)
	go func() { read <- s.read() }()
	return s.send(read)
}

// read posts the client's batches until the client ends, the connection breaks
// or the loop is closed.
func (s *clientStream) read() error {
	for {
		batch, err := s.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for rest := batch.Requests; len(rest) > 0; {
			n := min(len(rest), s.kv.cfg.MaxOutstanding)
			if err := s.admit(n); err != nil {
				return err
			}
			part := rest[:n]
			if !s.kv.cfg.Loop.Post(func() { s.execute(part) }) {
				return errClosing
			}
			rest = rest[n:]
		}
	}
}

// admit waits until n more requests may be outstanding and their batch may wait
// for the loop (GRPC-6).
func (s *clientStream) admit(n int) error {
	for {
		s.mu.Lock()
		ok := s.outstanding+n <= s.kv.cfg.MaxOutstanding && s.buffered <= s.kv.cfg.MaxBuffered
		if ok {
			s.outstanding += n
		}
		s.mu.Unlock()
		if ok {
			break
		}
		select {
		case <-s.room:
		case <-s.stream.Context().Done():
			return s.stream.Context().Err()
		}
	}
	select {
	case s.posted <- struct{}{}:
		return nil
	case <-s.stream.Context().Done():
		return s.stream.Context().Err()
	}
}

// execute hands requests to the node; on the loop. The latency of one request
// of each batch is measured.
func (s *clientStream) execute(reqs []*kvpb.Request) {
	<-s.posted
	m := s.kv.cfg.Metrics
	for i, req := range reqs {
		m.received(req.Kind)
		reply := s.reply
		if i == 0 && m != nil {
			begin := time.Now()
			reply = func(resp *kvpb.Response) {
				m.latency(req.Kind, time.Since(begin))
				s.collect(resp)
			}
		}
		s.kv.cfg.Backend.Request(req, reply)
	}
}

// collect keeps a response until the end of the turn; on the loop.
func (s *clientStream) collect(resp *kvpb.Response) {
	if len(s.turn) == 0 {
		s.kv.cfg.Loop.AtTurnEnd(s.flush)
	}
	s.turn = append(s.turn, resp)
	s.turnBytes += responseBytes(resp)
	s.kv.cfg.Metrics.answered(resp.Code)
}

// flush passes the responses of a turn to the sender; on the loop.
func (s *clientStream) flush() {
	s.mu.Lock()
	if len(s.out) == 0 {
		s.out, s.turn = s.turn, s.out
	} else {
		s.out = append(s.out, s.turn...)
	}
	s.buffered += s.turnBytes
	s.mu.Unlock()
	clear(s.turn)
	s.turn, s.turnBytes = s.turn[:0], 0
	signal(s.answered)
}

// send sends responses until the stream is over. read delivers how reading ended.
func (s *clientStream) send(read <-chan error) error {
	var batch []*kvpb.Response
	stopping := s.kv.stopping
	var end error
	ending := false
	for {
		var outstanding int
		batch, outstanding = s.take(batch)
		if len(batch) > 0 {
			if err := s.sendChunks(batch); err != nil {
				return err
			}
			continue
		}
		if ending && outstanding == 0 {
			return end
		}
		select {
		case <-s.answered:
		case err := <-read:
			if err != nil {
				return err
			}
			ending, read = true, nil
		case <-stopping:
			ending, end, stopping = true, errClosing, nil
		case <-s.stream.Context().Done():
			return s.stream.Context().Err()
		}
	}
}

// take removes what waits to be sent.
func (s *clientStream) take(spare []*kvpb.Response) (batch []*kvpb.Response, outstanding int) {
	clear(spare)
	s.mu.Lock()
	defer s.mu.Unlock()
	batch, s.out = s.out, spare[:0]
	return batch, s.outstanding
}

// sendChunks sends a batch in messages of bounded size.
func (s *clientStream) sendChunks(batch []*kvpb.Response) error {
	for len(batch) > 0 {
		n, size := 0, 0
		for n < len(batch) {
			more := responseBytes(batch[n])
			if n > 0 && size+more > maxBatchBytes {
				break
			}
			size += more
			n++
		}
		if err := s.stream.Send(&kvpb.ResponseBatch{Responses: batch[:n]}); err != nil {
			return err
		}
		batch = batch[n:]
		s.mu.Lock()
		s.outstanding -= n
		s.buffered -= size
		s.mu.Unlock()
		signal(s.room)
	}
	return nil
}

// responseBytes is about the size of a response on the wire.
func responseBytes(resp *kvpb.Response) int {
	size := 48 + len(resp.Message) + len(resp.LeaderAddress)
	for _, r := range resp.Results {
		size += 16 + len(r.Value)
	}
	return size
}

func signal(token chan<- struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}
