// Package framework is there for its import alone. The cloud's build writes a
// main that starts the functions with funcframework, and has no network: the
// package must be in the archive's vendor directory, so something in the
// archive has to import it. The functions themselves do not.
package framework

import _ "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
