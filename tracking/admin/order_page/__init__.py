"""The order page: ``/admin/tracking/order/<id>/``. Importing it registers its own sections (`order_registry`).

shown_order (everything that is loaded once) ─> answer · flags · parcels · timeline · decisions · others · engineers
"""

from tracking.admin.order_page import answer, engineers, facts, flags, others, parcels, timeline

__all__ = ["answer", "engineers", "facts", "flags", "others", "parcels", "timeline"]
