locals {
  # All functions that there are, by the names of their services.
  functions = merge({
    gettasks          = module.gettasks
    submitresults     = module.submitresults
    workerstatus      = module.workerstatus
    linkwallet        = module.linkwallet
    refreshreputation = module.refreshreputation
    sweep             = module.sweep
  }, { for f in concat(module.processpayout, module.reconcile) : f.name => f })
}
