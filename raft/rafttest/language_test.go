package rafttest_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// play runs commands, one a line, and returns the last one's output.
func play(t *testing.T, script string) (string, error) {
	var text string
	var err error
	var s rafttest.Script
	input := strings.ReplaceAll(strings.TrimSpace(script), "\n", "\n----\n\n") + "\n----\n"
	datadriven.RunTestFromString(t, input, func(_ *testing.T, d *datadriven.TestData) string {
		if err == nil {
			text, err = s.Run(d)
		}
		return d.Expected
	})
	return text, err
}

// Goal: a script that does not say what it means is refused, not played with defaults. Method: one mistake each.
func TestMistakesInScriptsAreErrors(t *testing.T) {
	for script, want := range map[string]string{
		"status":                                                            "before add-replicas",
		"add-replicas":                                                      "how many",
		"add-replicas 3\nfly r1":                                            "unknown command",
		"add-replicas 3 prevot=false":                                       "unknown option",
		"add-replicas 3 prevote=maybe":                                      "invalid syntax",
		"add-replicas 3 heartbeat=1s":                                       "ElectionTimeout",
		"add-replicas 3\ncampaign":                                          "name one replica",
		"add-replicas 3\ncampaign r4":                                       "no replica",
		"add-replicas 3\ncampaign r1 now":                                   "unknown argument",
		"add-replicas 3\ndeliver":                                           "nothing to do",
		"add-replicas 3\ndrop type=letter":                                  "no message type",
		"add-replicas 3\npersist r1":                                        "nothing to do",
		"add-replicas 3\nfetch r1":                                          "nothing to do",
		"add-replicas 3\nrestart r1":                                        "crash it first",
		"add-replicas 3\ncrash r1\ncrash r1":                                "is down",
		"add-replicas 3\ncrash r1\npropose r1 a":                            "is down",
		"add-replicas 3\nread r1 x":                                         "not a number",
		"add-replicas 3\ndisk r1":                                           "auto or manual",
		"add-replicas 3\nrun":                                               "nothing to do",
		"add-replicas 3\ntick by=soon":                                      "invalid duration",
		"add-replicas 3\nreset r1 log=(2,1)":                                "do not ascend",
		"add-replicas 1\ncampaign r1\ncampaign r1":                          "leads already",
		"add-replicas 3\nreset r1 log=1 commit=many":                        "not a number",
		"add-replicas 3\nchange r1":                                         "nothing to do",
		"add-replicas 3\nchange r1 learner=4":                               "is no replica",
		"add-replicas 3\nwake r1":                                           "nothing to do",
		"add-replicas 1 quiesce-after=1ms\ncampaign r1\nrun by=1s\ntick r1": "nothing to do",
		"add-replicas 1 quiesce-after=1ms\ncampaign r1\nrun by=1s\nrun until=r1": "nothing to do",
		"add-replicas 3\ncrash r1\nwake r1":                                      "is down",
		"add-replicas 3\ncompact r1":                                             "nothing to do",
		"add-replicas 3\nsnapshot r1":                                            "to whom",
		"add-replicas 3\nsnapshot r1 to=r3":                                      "nothing to do",
		"add-replicas 3\nsnapshot r1 to=r4.1":                                    "to whom",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := play(t, script)
			require.ErrorContains(t, err, want)
		})
	}
}

// Goal: a broken invariant stops the script, quiet or not. Method: two replicas that start with what Log Matching forbids.
func TestViolationsStopTheScript(t *testing.T) {
	_, err := play(t, "add-replicas 3\nreset r1 log=(1,2,4)\nreset r2 log=(1,3,4) quiet")
	require.ErrorContains(t, err, "Log Matching")
}

// Goal: quiet hides the story, and a command without effect says so. Method: the same election with and without.
func TestQuietHidesTheStory(t *testing.T) {
	text, err := play(t, "add-replicas 3\ncampaign r1 quiet")
	require.NoError(t, err)
	require.Equal(t, "ok\n", text)
	text, err = play(t, "add-replicas 3\ncampaign r1")
	require.NoError(t, err)
	require.Contains(t, text, "r1 becomes pre-candidate of term 0")
	text, err = play(t, "add-replicas 3\nmail")
	require.NoError(t, err)
	require.Equal(t, "ok\n", text)
}
