"""The verb site."""

from contextlib import ExitStack

from srbench.cli.verbs import SiteVerb
from srbench.core.garbage import no_collections
from srbench.core.harmless import visible
from srbench.core.paths import check_place
from srbench.experiments.store.packs import opened_study
from srbench.reports.site.site_pages import write_site


def make_site(asked: SiteVerb) -> bool:
    """Writes the site and says where it begins."""
    check_place("OUT", asked.out)
    with ExitStack() as opened, no_collections():
        files = write_site([opened.enter_context(opened_study(path)) for path in asked.studies], asked.out)
    print(visible(f"site: {asked.out / 'index.html'}, {len(files)} files"))
    return True
