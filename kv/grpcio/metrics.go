package grpcio

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Metrics are the Prometheus metrics of a node's services. A nil *Metrics counts
// nothing.
type Metrics struct {
	requests  []prometheus.Counter
	responses []prometheus.Counter
	latencies []prometheus.Observer
}

// NewMetrics registers the metrics of the client service and, if peers is not
// nil, of the transport.
func NewMetrics(reg prometheus.Registerer, peers *Peers) *Metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holdfast_requests_total", Help: "Client requests received, by kind.",
	}, []string{"kind"})
	responses := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holdfast_responses_total", Help: "Client requests answered, by code.",
	}, []string{"code"})
	latencies := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "holdfast_request_seconds",
		Help:    "Time from a request's arrival to its answer, by kind; of streams one request per batch is measured.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 2, 18),
	}, []string{"kind"})
	reg.MustRegister(requests, responses, latencies)
	m := &Metrics{}
	for kind := range len(kvpb.RequestKind_name) {
		label := kvpb.RequestKind(kind).String()
		m.requests = append(m.requests, requests.WithLabelValues(label))
		m.latencies = append(m.latencies, latencies.WithLabelValues(label))
	}
	for code := range len(kvpb.Code_name) {
		m.responses = append(m.responses, responses.WithLabelValues(kvpb.Code(code).String()))
	}
	if peers != nil {
		reg.MustRegister(&peerCollector{peers: peers})
	}
	return m
}

// received counts a request.
func (m *Metrics) received(kind kvpb.RequestKind) {
	if m != nil {
		m.requests[known(int(kind), len(m.requests))].Inc()
	}
}

// answered counts a response.
func (m *Metrics) answered(code kvpb.Code) {
	if m != nil {
		m.responses[known(int(code), len(m.responses))].Inc()
	}
}

// latency records how long a request took.
func (m *Metrics) latency(kind kvpb.RequestKind, d time.Duration) {
	if m != nil {
		m.latencies[known(int(kind), len(m.latencies))].Observe(d.Seconds())
	}
}

// unary counts a whole unary call.
func (m *Metrics) unary(kind kvpb.RequestKind, code kvpb.Code, d time.Duration) {
	m.received(kind)
	m.answered(code)
	m.latency(kind, d)
}

// known maps numbers that a newer or broken client may send to 0, unspecified.
func known(i, n int) int {
	if i < 0 || i >= n {
		return 0
	}
	return i
}

// peerCollector reports the transport's counters when asked.
type peerCollector struct{ peers *Peers }

var peerMetrics = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(PeerStats) float64
}{
	{peerDesc("connected", "1 while there is an outgoing stream to the peer."), prometheus.GaugeValue, func(s PeerStats) float64 {
		if s.Connected {
			return 1
		}
		return 0
	}},
	{peerDesc("connects_total", "Outgoing streams opened."), prometheus.CounterValue, func(s PeerStats) float64 { return float64(s.Connects) }},
	{peerDesc("sent_messages_total", "Messages sent."), prometheus.CounterValue, func(s PeerStats) float64 { return float64(s.SentMessages) }},
	{peerDesc("sent_bytes_total", "Bytes of messages sent."), prometheus.CounterValue, func(s PeerStats) float64 { return float64(s.SentBytes) }},
	{peerDesc("sent_frames_total", "Frames sent; each carries one or more messages."), prometheus.CounterValue, func(s PeerStats) float64 { return float64(s.SentFrames) }},
	{peerDesc("received_messages_total", "Messages received."), prometheus.CounterValue, func(s PeerStats) float64 { return float64(s.ReceivedMessages) }},
	{peerDesc("received_bytes_total", "Bytes of messages received."), prometheus.CounterValue, func(s PeerStats) float64 { return float64(s.ReceivedBytes) }},
	{peerDesc("dropped_messages_total", "Messages dropped: the queue was full or the connection broke."), prometheus.CounterValue, func(s PeerStats) float64 { return float64(s.Dropped) }},
	{peerDesc("queued_messages", "Messages waiting to be sent."), prometheus.GaugeValue, func(s PeerStats) float64 { return float64(s.QueuedMessages) }},
	{peerDesc("queued_bytes", "Bytes of messages waiting to be sent."), prometheus.GaugeValue, func(s PeerStats) float64 { return float64(s.QueuedBytes) }},
}

func peerDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("holdfast_peer_"+name, help, []string{"peer", "channel"}, nil)
}

func (c *peerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range peerMetrics {
		ch <- m.desc
	}
}

func (c *peerCollector) Collect(ch chan<- prometheus.Metric) {
	for id := range c.peers.Known() {
		for channel := range env.NumChannels {
			s := c.peers.Stats(id, channel)
			for _, m := range peerMetrics {
				ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s), strconv.FormatUint(uint64(id), 10), channel.String())
			}
		}
	}
}
