package server

import (
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// metricsServer is the HTTP listener for /metrics and /debug/pprof.
type metricsServer struct {
	listener net.Listener
	http     *http.Server
}

func newMetricsServer(cfg *Config, registry *prometheus.Registry) (*metricsServer, error) {
	l, err := cfg.listen(cfg.MetricsAddress)
	if err != nil {
		return nil, err
	}
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return &metricsServer{listener: l, http: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}, nil
}

// serve runs until close. A failure of this listener does not concern the node.
func (m *metricsServer) serve() { _ = m.http.Serve(m.listener) }

func (m *metricsServer) close() {
	_ = m.http.Close()     // pending answers are given up
	_ = m.listener.Close() // for the case that serve was not called
}

// timedHost measures how long the jobs of each lane take; those of lane wal are
// the log's commits.
type timedHost struct {
	*osio.Loop
	seconds [env.NumLanes]prometheus.Observer
}

func newTimedHost(loop *osio.Loop, reg prometheus.Registerer) *timedHost {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "holdfast_job_seconds",
		Help:    "Time that work off the event loop took, by lane; wal: commits of the log, with their sync.",
		Buckets: prometheus.ExponentialBuckets(20e-6, 2, 18),
	}, []string{"lane"})
	reg.MustRegister(seconds)
	h := &timedHost{Loop: loop}
	for i := range h.seconds {
		h.seconds[i] = seconds.WithLabelValues(env.Lane(i).String())
	}
	return h
}

// Submit implements env.Executor.
func (h *timedHost) Submit(lane env.Lane, job env.Job) {
	h.Loop.Submit(lane, &timedJob{Job: job, seconds: h.seconds[lane]})
}

type timedJob struct {
	env.Job
	seconds prometheus.Observer
}

// Run implements env.Job.
func (j *timedJob) Run() {
	begin := time.Now()
	j.Job.Run()
	j.seconds.Observe(time.Since(begin).Seconds())
}
