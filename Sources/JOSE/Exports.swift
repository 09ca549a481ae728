// Whoever verifies a token hands in the moment, so the type of a moment comes with the module.
@_exported public import Instants
