package api

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// ResultID is the id of a signed result: SHA-256, in lower-case hex, over the
// UTF-8 bytes of JavaScript's
//
//	JSON.stringify({taskId, workerAddress, timestamp, success,
//	                responseTimeMs, statusCode, error, errorClass,
//	                timings: {dns, connect, tls, firstByte, total}, signature})
//
// with that key order, no spaces, every value as the worker sent it (address
// and signature in the worker's spelling), and the optional ones left out when
// there are none or they are empty. It depends on
// nothing else, so that an auditor can recompute it in any language from the
// result alone; a payout's resultsHash is made of these ids (product.md,
// Tables).
func ResultID(r Result) string {
	b := make([]byte, 0, 400+len(r.TaskID)+len(r.Error))
	b = appendSignedFields(append(b, '{'), &r)
	b = append(b, `,"responseTimeMs":`...)
	b = strconv.AppendInt(b, r.ResponseTimeMs, 10)
	if r.StatusCode != nil {
		b = append(b, `,"statusCode":`...)
		b = strconv.AppendInt(b, int64(*r.StatusCode), 10)
	}
	if r.Error != "" {
		b = append(b, `,"error":`...)
		b = appendString(b, r.Error)
	}
	if r.ErrorClass != "" {
		b = append(b, `,"errorClass":`...)
		b = appendString(b, string(r.ErrorClass))
	}
	b = r.Timings.appendJSON(b, `,"timings":`)
	b = append(b, `,"signature":`...)
	b = appendString(b, r.Signature)
	sum := sha256.Sum256(append(b, '}'))
	return hex.EncodeToString(sum[:])
}
