"""The report: a minima map as one self-contained page."""

from reluspec.io.report.page import MAX_PAGE_BYTES, report_page, write_report

__all__ = ["MAX_PAGE_BYTES", "report_page", "write_report"]
