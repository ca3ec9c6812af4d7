package verdict_test

import (
	"bytes"
	"testing"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/stretchr/testify/require"
)

// sound is a case that passes.
func sound() verdict.Case {
	var c verdict.Case
	c.Evidence.Add(verdict.CounterAcknowledged, 100)
	c.Evidence.Add("nemesis.partition.dropped", 7)
	c.Requirements = []verdict.Requirement{{Counter: "nemesis.partition.dropped", AtLeast: 5, Because: "nemesis partition was requested"}}
	return c
}

// Goal: VER-1, the rule passes what it should. Method: a complete case.
func TestSoundRunPasses(t *testing.T) {
	v := verdict.Judge(sound())
	require.Equal(t, verdict.Pass, v.Outcome)
	require.Empty(t, v.Reasons)
	require.Equal(t, 0, v.Outcome.ExitCode())
}

// Goal: VER-1, a run that did nothing is not a pass. Method: no acknowledged operation.
func TestRunWithoutAcknowledgedOperationsIsVacuous(t *testing.T) {
	v := verdict.Judge(verdict.Case{})
	require.Equal(t, verdict.Vacuous, v.Outcome)
	require.Contains(t, v.Reasons[0], verdict.CounterAcknowledged)
	require.Equal(t, 11, v.Outcome.ExitCode())
}

// Goal: VER-1, a nemesis that never bit makes a run vacuous, and one that was required with
// a minimum of 0 too. Method: requirements on counters that are too low or missing.
func TestNemesisThatNeverBitIsVacuous(t *testing.T) {
	c := sound()
	c.Requirements[0].AtLeast = 8
	require.Equal(t, verdict.Vacuous, verdict.Judge(c).Outcome)
	c = sound()
	c.Requirements[0] = verdict.Requirement{Counter: "nemesis.crash.killed", Because: "nemesis crash was requested"}
	v := verdict.Judge(c)
	require.Equal(t, verdict.Vacuous, v.Outcome)
	require.Contains(t, v.Reasons[0], "nemesis crash was requested")
}

// Goal: VER-2, the order of precedence. Method: take away the strongest reason step by step.
func TestPrecedence(t *testing.T) {
	safety := *verdict.Violationf("election-safety", "two-leaders", "two leaders").On(3, 2)
	slow := *verdict.Violationf(verdict.OracleLiveness, "no-progress", "no progress")
	c := verdict.Case{Violations: []verdict.Violation{slow, safety}, Undecided: []string{"key k"}}
	for _, step := range []struct {
		outcome verdict.Outcome
		exit    int
		next    func()
	}{
		{verdict.Violated, 10, func() { c.Violations = c.Violations[:1] }},
		{verdict.Stalled, 12, func() { c.Violations = nil }},
		{verdict.Unknown, 11, func() { c.Undecided = nil }},
		{verdict.Vacuous, 11, func() { c.Evidence.Add(verdict.CounterAcknowledged, 1) }},
		{verdict.Pass, 0, func() {}},
	} {
		v := verdict.Judge(c)
		require.Equal(t, step.outcome, v.Outcome)
		require.Equal(t, step.exit, v.Outcome.ExitCode())
		step.next()
	}
}

// Goal: VER-3, the same verdict has the same bytes however its evidence was gathered, and they read back.
// Method: two orders of adding; compare bytes with each other and with a fixed text.
func TestEncodingIsStable(t *testing.T) {
	encode := func(names ...string) []byte {
		c := sound()
		for _, n := range names {
			c.Evidence.Add(n, 2)
		}
		v := *verdict.Violationf("log-matching", "different-entries", "a <b> & c").On(1, 2)
		v.At = 1500000000
		c.Violations = []verdict.Violation{v}
		var b bytes.Buffer
		require.NoError(t, verdict.Judge(c).Encode(&b))
		return b.Bytes()
	}
	one, other := encode("x", "a", "m"), encode("m", "x", "a")
	require.Equal(t, string(one), string(other))
	require.Equal(t, `{
  "format": "holdfast-verdict",
  "version": 1,
  "outcome": "violation",
  "reasons": [
    "log-matching group=1 node=2 at=1.500000s: a <b> & c"
  ],
  "violations": [
    {
      "oracle": "log-matching",
      "fingerprint": "log-matching/different-entries",
      "message": "a <b> & c",
      "at": 1500000000,
      "node": 2,
      "group": 1
    }
  ],
  "evidence": [
    {
      "name": "a",
      "count": 2
    },
    {
      "name": "m",
      "count": 2
    },
    {
      "name": "nemesis.partition.dropped",
      "count": 7
    },
    {
      "name": "operations.acknowledged",
      "count": 100
    },
    {
      "name": "x",
      "count": 2
    }
  ]
}
`, string(one))
	back, err := verdict.Decode(bytes.NewReader(one))
	require.NoError(t, err)
	var again bytes.Buffer
	require.NoError(t, back.Encode(&again))
	require.Equal(t, string(one), again.String())
}

// Goal: files that are not verdicts are refused with a reason. Method: one defect each.
func TestDecodeRefusesOtherFiles(t *testing.T) {
	for text, reason := range map[string]string{
		``:                               "not a verdict file",
		`{"format":"other","version":1}`: "format is",
		`{"format":"holdfast-verdict","version":9,"outcome":"pass"}`:                                                  "version 9",
		`{"format":"holdfast-verdict","version":1,"outcome":"fine"}`:                                                  "not an outcome",
		`{"format":"holdfast-verdict","version":1,"outcome":"pass","evidence":[{"name":"a","count":1},{"name":"a"}]}`: "twice",
	} {
		_, err := verdict.Decode(bytes.NewReader([]byte(text)))
		require.ErrorContains(t, err, reason, text)
	}
	require.Error(t, verdict.Verdict{}.Encode(&bytes.Buffer{}))
}

// Goal: tables of parts of a run add up. Method: merge two.
func TestEvidenceMerges(t *testing.T) {
	var a, b verdict.Evidence
	a.Add("x", 1)
	b.Add("x", 2)
	b.Add("w", 0)
	a.Merge(&b)
	require.Equal(t, []verdict.Counter{{Name: "w", Count: 0}, {Name: "x", Count: 3}}, a.Counters())
}
