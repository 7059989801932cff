"""Pages of the console that are no model's: within the admin's frame, behind its log-in."""

from django.contrib import admin
from django.urls import path

from tracking.admin.act_pages import act_page
from tracking.admin.carriers import carriers_map_page, carriers_page
from tracking.admin.courier_codes import courier_codes_page, status_rule_page
from tracking.admin.dashboard import live_page
from tracking.admin.dead_letters import dead_letters_page, requeue_page
from tracking.admin.doctor import doctor_page
from tracking.admin.erasures import erase_page
from tracking.admin.find import find_page
from tracking.admin.go_live import go_live_page
from tracking.admin.handle import handle_page
from tracking.admin.messages import act_page as message_act_page
from tracking.admin.outages import outages_page, usual_page
from tracking.admin.preview import preview_page as brand_preview
from tracking.admin.preview_frames import preview_mail, preview_shop
from tracking.admin.proof import proof_page
from tracking.admin.queues import queue_page, queues_page
from tracking.admin.registry import import_page
from tracking.admin.remap_pages import remap_page
from tracking.admin.revisions import check_page
from tracking.admin.rule_preview import preview_page
from tracking.admin.rules import move_page
from tracking.admin.shopper_link import withdraw_page
from tracking.admin.story_page import story_page
from tracking.admin.sync_page import sync_page
from tracking.admin.team import team_page
from tracking.admin.unrouted import unrouted_page
from tracking.admin.views import export_file_page, export_page, export_state_page, view_delete_page, views_page

urlpatterns = [
    path("views/", admin.site.admin_view(views_page), name="views"),
    path("views/<int:pk>/delete/", admin.site.admin_view(view_delete_page), name="view-delete"),
    path("exports/", admin.site.admin_view(export_page), name="export-list"),
    path("exports/<int:pk>/", admin.site.admin_view(export_state_page), name="export"),
    path("exports/<int:pk>/file/", admin.site.admin_view(export_file_page), name="export-file"),
    path("proof/<int:pk>/", admin.site.admin_view(proof_page), name="parcel-proof"),
    path("find/", admin.site.admin_view(find_page), name="console-search"),
    path("import-registry/", admin.site.admin_view(import_page), name="import-registry"),
    path("live/", admin.site.admin_view(live_page), name="live"),
    path("queues/", admin.site.admin_view(queues_page), name="queues"),
    path("queues/handle/", admin.site.admin_view(handle_page), name="queue-handle"),
    path("queues/outages/", admin.site.admin_view(outages_page), name="outages"),
    path("queues/team/", admin.site.admin_view(team_page), name="team"),
    path("queues/usual/", admin.site.admin_view(usual_page), name="usual"),
    path("queues/<slug:kind>/", admin.site.admin_view(queue_page), name="queue"),
    path("preview/", admin.site.admin_view(brand_preview), name="preview"),
    path("preview/mail/", admin.site.admin_view(preview_mail), name="preview-mail"),
    path("preview/page/", admin.site.admin_view(preview_shop), name="preview-shop"),
    path("doctor/", admin.site.admin_view(doctor_page), name="doctor"),
    path("go-live/<int:pk>/", admin.site.admin_view(go_live_page), name="go-live"),
    path("unrouted/", admin.site.admin_view(unrouted_page), name="unrouted"),
    path("story/", admin.site.admin_view(story_page), name="story"),
    path("courier-codes/", admin.site.admin_view(courier_codes_page), name="courier-codes"),
    path("courier-codes/rule/", admin.site.admin_view(status_rule_page), name="status-rule"),
    path("carriers/", admin.site.admin_view(carriers_page), name="carriers"),
    path("carriers/map/", admin.site.admin_view(carriers_map_page), name="carriers-map"),
    path("act/<slug:key>/", admin.site.admin_view(act_page), name="act"),
    path("sync/<int:pk>/", admin.site.admin_view(sync_page), name="sync"),
    path("erase/", admin.site.admin_view(erase_page), name="erase"),
    path("remap/", admin.site.admin_view(remap_page), name="remap"),
    path("dead-letters/", admin.site.admin_view(dead_letters_page), name="dead-letters"),
    path("rules/preview/", admin.site.admin_view(preview_page), name="rules-preview"),
    path("check-rules/", admin.site.admin_view(check_page), name="rules-check"),
    path("rules/routes/<int:pk>/move/", admin.site.admin_view(move_page), name="route-move"),
    path("dead-letters/requeue/", admin.site.admin_view(requeue_page), name="dead-letters-requeue"),
    path("orders/<int:pk>/messages/<slug:key>/", admin.site.admin_view(message_act_page), name="message-act"),
    path("orders/<int:pk>/withdraw-link/", admin.site.admin_view(withdraw_page), name="withdraw-link"),
]
