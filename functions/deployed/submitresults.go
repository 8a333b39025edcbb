//go:build !one_function || submitresults

package deployed

import "github.com/BlockRunAI/worker-network/functions/submitresults"

func init() { handlers["SubmitResults"] = submitresults.Handler() }
