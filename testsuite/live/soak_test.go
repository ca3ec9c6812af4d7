package live

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Goal: what holds for the standard script holds for any order of faults, for long.
// Method: for HOLDFAST_LIVE_SOAK, one drawn script after the other on the same three
// processes, each with keys of its own and judged by itself.
func TestSoak(t *testing.T) {
	period, err := time.ParseDuration(os.Getenv("HOLDFAST_LIVE_SOAK"))
	if os.Getenv("HOLDFAST_LIVE_SOAK") == "" {
		t.Skip("set HOLDFAST_LIVE_SOAK=10m, or another time, to run it")
	}
	require.NoError(t, err)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HOLDFAST_LIVE_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("HOLDFAST_LIVE_SEED=%d chooses these scripts again", seed)
	c := startCluster(t)
	end := time.Now().Add(period)
	for round := uint64(1); round == 1 || time.Now().Before(end); round++ {
		// A test of its own, so that clients and watch end with the round.
		passed := t.Run(fmt.Sprint("round", round), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, round))
			script := Draw(rng, 6)
			cfg := LoadConfig{
				Seed: seed + round, Prefix: fmt.Sprintf("r%d-", round),
				Keys: 3 + rng.IntN(60), Workers: 4 + rng.IntN(30), Think: time.Duration(1+rng.IntN(40)) * 200 * time.Microsecond,
			}
			t.Logf("%d keys, %d workers, a pause of %v", cfg.Keys, cfg.Workers, cfg.Think)
			l := newLoad(t, c, cfg)
			run := &Run{Cluster: c, Load: l, Watch: newWatch(t, c), Script: script, Log: t.Logf}
			res, err := run.Play(t.Context())
			require.NoError(t, err)
			requireOutcome(t, verdict.Pass, c, res)
		})
		if !passed {
			return
		}
	}
}
