package server

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// BenchmarkStream measures puts and linearizable gets of 256-byte values over one Stream to the leader of
// three nodes in this process, with 256 requests outstanding.
func BenchmarkStream(b *testing.B) {
	for name, kind := range map[string]kvpb.RequestKind{"put": kvpb.RequestKind_WRITE, "get": kvpb.RequestKind_READ} {
		b.Run(name, func(b *testing.B) { benchmarkStream(b, kind) })
	}
}

func benchmarkStream(b *testing.B, kind kvpb.RequestKind) {
	c := newCluster(b, 3)
	for id := range c.members {
		c.start(id, true)
	}
	stream, err := c.clients[c.leader()].Stream(b.Context())
	require.NoError(b, err)
	op := &kvpb.Op{Kind: kvpb.OpKind_PUT, Key: []byte("0123456789abcdef"), Value: make([]byte, 256)}
	if kind == kvpb.RequestKind_READ {
		op = &kvpb.Op{Kind: kvpb.OpKind_GET, Key: op.Key}
	}
	ops := []*kvpb.Op{op}
	send := func(n int) {
		batch := &kvpb.RequestBatch{}
		for range n {
			batch.Requests = append(batch.Requests, &kvpb.Request{Kind: kind, Ops: ops})
		}
		require.NoError(b, stream.Send(batch))
	}
	b.ReportAllocs()
	b.ResetTimer()
	sent := min(256, b.N)
	send(sent)
	for answered := 0; answered < b.N; {
		batch, err := stream.Recv()
		require.NoError(b, err)
		for _, r := range batch.Responses {
			require.Equal(b, kvpb.Code_OK, r.Code, r.Message)
		}
		answered += len(batch.Responses)
		if n := min(len(batch.Responses), b.N-sent); n > 0 {
			sent += n
			send(n)
		}
	}
}
