package grpcio

import (
	"io"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// writes makes a batch of puts with ids from first on.
func writes(first, n int, value []byte) *kvpb.RequestBatch {
	batch := &kvpb.RequestBatch{}
	for i := range n {
		batch.Requests = append(batch.Requests, &kvpb.Request{
			Id: uint64(first + i), Kind: kvpb.RequestKind_WRITE,
			Ops: []*kvpb.Op{{Kind: kvpb.OpKind_PUT, Key: []byte("k"), Value: value}},
		})
	}
	return batch
}

// receive reads responses until n have come and returns their ids and the number of batches.
func receive(t *testing.T, stream kvpb.KV_StreamClient, n int) (ids []uint64, batches int) {
	t.Helper()
	for len(ids) < n {
		batch, err := stream.Recv()
		require.NoError(t, err)
		batches++
		for _, r := range batch.Responses {
			ids = append(ids, r.Id)
		}
	}
	return ids, batches
}

// Requests of a batch are answered, matched by id, in about as few batches; after CloseSend the stream
// ends once all is answered.
func TestStreamAnswersInBatches(t *testing.T) {
	s := startService(t, &fakeNode{id: 1}, KVConfig{})
	stream, err := s.client.Stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(writes(1, 1000, nil)))
	ids, batches := receive(t, stream, 1000)
	require.Equal(t, 1, batches, "answers of one turn travel together")
	for i, id := range ids {
		require.Equal(t, uint64(i+1), id)
	}
	require.NoError(t, stream.Send(writes(2001, 10, nil)))
	require.NoError(t, stream.CloseSend())
	receive(t, stream, 10)
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF)
}

// Large answers are split into messages of bounded size.
func TestStreamBoundsMessages(t *testing.T) {
	s := startService(t, &fakeNode{id: 1}, KVConfig{})
	stream, err := s.client.Stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(writes(1, 10, make([]byte, 400<<10))))
	_, batches := receive(t, stream, 10)
	require.Equal(t, 5, batches, "two answers of 400 KiB fit into one message")
}

// GRPC-6: requests beyond the bound are not taken from the stream until earlier ones are answered. Method:
// the node holds its answers back until it has as many requests as the bound allows.
func TestStreamBoundsOutstanding(t *testing.T) {
	const bound, total = 8, 100
	var held []func()
	most := 0
	node := &fakeNode{answer: func(req *kvpb.Request, reply func(*kvpb.Response)) {
		held = append(held, func() { reply(&kvpb.Response{Id: req.Id, Code: kvpb.Code_OK}) })
		most = max(most, len(held))
	}}
	s := startService(t, node, KVConfig{MaxOutstanding: bound})
	stream, err := s.client.Stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(writes(1, 50, nil)))
	require.NoError(t, stream.Send(writes(51, 50, nil)))
	answered := 0
	for answered < total {
		require.NoError(t, s.loop.Call(t.Context(), func() {
			for _, reply := range held {
				reply()
			}
			answered += len(held)
			held = nil
		}))
	}
	receive(t, stream, total)
	s.stopLoop()
	require.LessOrEqual(t, most, bound)
}

// GRPC-6: a client that does not read its answers stops being read itself once they fill the buffer.
func TestStreamStopsForSlowReader(t *testing.T) {
	value := make([]byte, 256<<10)
	s := startService(t, &fakeNode{}, KVConfig{MaxBuffered: 1 << 20})
	stream, err := s.client.Stream(t.Context())
	require.NoError(t, err)
	const total = 64
	var sender sync.WaitGroup
	sender.Go(func() {
		for i := range total {
			if stream.Send(writes(i, 1, value)) != nil {
				return
			}
		}
	})
	// The window, the buffer and what is being sent take 16, 4 and 4 answers, roughly; wait until
	// nothing moves.
	last, still := 0, 0
	eventually(t, func() bool {
		before := last
		last = s.requests(t)
		if still++; last == 0 || last != before {
			still = 0
		}
		return still == 50
	})
	require.Less(t, last, total)
	ids, _ := receive(t, stream, total)
	require.Len(t, ids, total)
	sender.Wait()
}

// Stop ends a stream once what is outstanding is answered, and says that the node is stopping.
func TestStreamEndsOnStop(t *testing.T) {
	var held []func()
	node := &fakeNode{answer: func(req *kvpb.Request, reply func(*kvpb.Response)) {
		held = append(held, func() { reply(&kvpb.Response{Id: req.Id, Code: kvpb.Code_OK}) })
	}}
	s := startService(t, node, KVConfig{})
	stream, err := s.client.Stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(writes(1, 3, nil)))
	eventually(t, func() bool { return s.requests(t) == 3 })
	s.kv.Stop()
	s.loop.Post(func() {
		for _, reply := range held {
			reply()
		}
	})
	receive(t, stream, 3)
	_, err = stream.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// A stream whose client is gone ends, though answers are outstanding (goleak checks the goroutines).
func TestStreamEndsWithClient(t *testing.T) {
	s := startService(t, &fakeNode{answer: func(*kvpb.Request, func(*kvpb.Response)) {}}, KVConfig{})
	conn := dial(t, s.address)
	stream, err := kvpb.NewKVClient(conn).Stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(writes(1, 3, nil)))
	eventually(t, func() bool { return s.requests(t) == 3 })
	require.NoError(t, conn.Close())
}

// Requests and answers are counted by kind and code, on streams and unary calls, unknown numbers among them.
func TestMetricsCount(t *testing.T) {
	reg := prometheus.NewRegistry()
	peers, err := NewPeers(PeersConfig{Self: 1, Addresses: addresses(t, 2)})
	require.NoError(t, err)
	t.Cleanup(peers.Close)
	s := startService(t, &fakeNode{}, KVConfig{Metrics: NewMetrics(reg, peers)})
	stream, err := s.client.Stream(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(writes(1, 5, nil)))
	receive(t, stream, 5)
	_, err = s.client.Put(t.Context(), &kvpb.PutRequest{Key: []byte("k")})
	require.NoError(t, err)
	_, err = s.client.Do(t.Context(), &kvpb.Request{Kind: 77})
	require.NoError(t, err)

	families, err := reg.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			if m.Histogram != nil {
				values[name] = float64(m.Histogram.GetSampleCount())
			} else {
				values[name] = m.GetCounter().GetValue()
			}
		}
	}
	require.Equal(t, 6.0, values["holdfast_requests_total WRITE"])
	require.Equal(t, 1.0, values["holdfast_requests_total REQUEST_UNSPECIFIED"])
	require.Equal(t, 7.0, values["holdfast_responses_total OK"])
	require.Equal(t, 2.0, values["holdfast_request_seconds WRITE"])
	require.Contains(t, values, "holdfast_peer_dropped_messages_total control 2")
}
