package io.superweight.find;

/** One way to choose candidates on one session. */
sealed interface Search permits SuperweightSearch, PaperSearch, ArctosSearch {

  /** The whole search. */
  FindResult run();

  static Search of(Session session, FindOptions options) {
    return switch (options.rule()) {
      case SUPERWEIGHT -> new SuperweightSearch(session, options);
      case PAPER -> new PaperSearch(session, options);
      case ARCTOS_V5 -> new ArctosSearch(session, options);
    };
  }
}
